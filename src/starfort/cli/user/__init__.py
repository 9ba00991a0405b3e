"""`starfort user`: accounts for dashboard and API."""
