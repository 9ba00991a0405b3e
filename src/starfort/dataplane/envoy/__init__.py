"""Envoy's resources of a data plane; `resources.render` is the entry."""
