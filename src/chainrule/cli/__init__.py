"""The command line, and the notebooks that it reads."""
