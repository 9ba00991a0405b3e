"""`starfort token`: API tokens for Starfort's own API."""
