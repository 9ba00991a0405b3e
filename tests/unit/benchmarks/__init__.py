"""Tests of the benchmarks: what they send and what they say, never how fast."""
