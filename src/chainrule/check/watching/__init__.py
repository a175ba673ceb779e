"""Knows where the arrays of a running notebook come from, and what their true gradients are."""
