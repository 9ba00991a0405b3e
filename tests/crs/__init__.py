"""OWASP CRS' own regression tests, run through the engine in-process."""
