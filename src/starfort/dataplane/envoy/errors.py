"""What can go wrong with Envoy.

EnvoyError: it does not start, or refuses a configuration; the text is a sentence for people
"""


class EnvoyError(Exception):
    """Envoy does not start or refuses what it was given; the text says what, why, and what to do."""
