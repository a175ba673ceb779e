"""Recordings as Python over the array API standard, for PyTorch, JAX, CuPy and Dask as well as NumPy."""
