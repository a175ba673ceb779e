"""Functions of functions: gradients, products with Jacobians, and the Jacobians themselves."""
