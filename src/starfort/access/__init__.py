"""Whether each caller holds just the rights it should."""
