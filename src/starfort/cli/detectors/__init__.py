"""`starfort detectors …`."""
