"""Rewrites the source of cells so that what they claim is seen while they run."""
