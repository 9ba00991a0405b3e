"""Envoy: intermediate representation, configuration, supervisor, control socket."""
