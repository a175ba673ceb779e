"""Structured Jacobians and Hessians beside the derivative written by hand and beside other libraries."""
