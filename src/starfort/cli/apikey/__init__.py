"""`starfort apikey`: API keys for callers of your APIs."""
