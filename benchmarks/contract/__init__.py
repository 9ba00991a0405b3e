"""Calls against contracts: what the engine lets pass and what it finds, judged by somebody else."""
