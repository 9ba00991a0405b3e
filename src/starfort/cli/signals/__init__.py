"""`starfort signals`: what detection says now."""
