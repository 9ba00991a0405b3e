"""One file for each format of calls."""
