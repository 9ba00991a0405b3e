"""Humans, good bots, bad bots; limits, lists and diversions."""
