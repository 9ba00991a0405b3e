"""`starfort policy`: what is done with requests."""
