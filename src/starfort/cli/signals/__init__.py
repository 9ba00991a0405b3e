"""`starfort signals …`."""
