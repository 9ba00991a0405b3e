"""`starfort alerts …`."""
