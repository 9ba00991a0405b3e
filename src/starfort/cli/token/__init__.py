"""`starfort token …`."""
