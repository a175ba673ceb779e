"""Checks a gradient that is claimed for a function: the function is run, at other points too."""
