"""Posture: checks find what is wrong with an API as it stands. README.md lists the modules."""
