"""Everything about Envoy: the data plane as plain values, its configuration, its process, its socket."""
