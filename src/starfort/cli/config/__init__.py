"""`starfort config …`."""
