"""Schemas learned from the shapes of traffic."""
