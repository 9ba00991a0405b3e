"""The example APIs."""
