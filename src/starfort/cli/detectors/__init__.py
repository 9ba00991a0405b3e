"""`starfort detectors`: what looks for abuse."""
