"""What was recorded, and what can be done to it: nodes and the sweeps over them."""
