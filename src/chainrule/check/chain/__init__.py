"""The chain rule at one point: the steps, the links between them, and what a change of a link makes of the gradient."""
