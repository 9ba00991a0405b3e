"""Examples: an API to stand before, and a demo."""
