"""What people write: models of `starfort.yaml`, loading, errors with file, line and column."""
