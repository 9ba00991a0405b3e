"""Questions to the store, each a file: what detectors and posture checks have in common."""
