"""`starfort catalogue`: the APIs that are live: endpoints, parameters, consumers."""
