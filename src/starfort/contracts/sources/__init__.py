"""Documents that are fetched: from an address, or from a Git repository. The last good copy is kept."""
