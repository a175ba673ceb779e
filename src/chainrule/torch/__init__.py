"""PyTorch's names, standing in for PyTorch where it is not installed."""
