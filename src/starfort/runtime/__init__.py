"""Wires everything together; reload; shutdown."""
