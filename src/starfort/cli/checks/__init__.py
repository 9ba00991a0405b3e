"""`starfort checks`: what looks for mistakes in the APIs as they stand."""
