"""Comparing a gradient that somebody derived by hand with the true one."""
