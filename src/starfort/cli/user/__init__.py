"""`starfort user …`."""
