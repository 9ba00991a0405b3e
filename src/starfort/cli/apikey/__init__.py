"""`starfort apikey …`."""
