"""The `starfort` command, one verb a file."""
