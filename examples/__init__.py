"""Examples: an API for Starfort to protect, and a demo."""
