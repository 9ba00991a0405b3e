"""`starfort config`: the configuration."""
