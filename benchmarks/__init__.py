"""Benchmarks: what Starfort costs, beside its peers. README.md has the method."""
