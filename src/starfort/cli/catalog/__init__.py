"""`starfort catalog …`."""
