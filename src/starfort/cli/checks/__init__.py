"""`starfort checks …`."""
