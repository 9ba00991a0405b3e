"""Posture: what is wrong with an API as it stands, found by checks; README.md says what is where."""
