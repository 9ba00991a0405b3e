"""The demo: callers of all kinds through Starfort."""
