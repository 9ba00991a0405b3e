"""`starfort policy …`."""
