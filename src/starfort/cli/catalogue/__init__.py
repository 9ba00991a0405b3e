"""`starfort catalogue …`."""
