"""Configuration to policy bundle and Envoy configuration."""
