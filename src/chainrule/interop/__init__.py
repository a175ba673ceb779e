"""Other libraries, each imported only when it is asked for, and independent of each other."""
