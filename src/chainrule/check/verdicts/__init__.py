"""What is found out about a claimed gradient beside the true one, and the report of it."""
