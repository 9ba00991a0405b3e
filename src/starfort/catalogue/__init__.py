"""Hosts, endpoints, path templates and consumers, learned from events."""
