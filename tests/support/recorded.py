"""A bundle for tests that record calls."""

from typing import Any

from starfort import bundle


def recorded_bundle(**more: Any) -> bundle.Bundle:
    """A bundle of one API `shop` that takes every host, unless `more` says otherwise."""
    limits = bundle.Limits(
        16384, 100, 16384, 2 << 20, 1 << 20, 8 << 20, 100, 64, 1000, 200, 200_000, 1000, 10**8,
        over_limit=bundle.OverLimit.REFUSE,
    )  # fmt: skip
    fields: dict[str, Any] = {
        "version": "test",
        "node": "edge-1",
        "hash_key": bytes(32),
        "fail_open": True,
        "limits": limits,
        "apis": (bundle.Api("shop", ("*",), ("/",), "shop"),),
        "sensitive_classes": ("email", "card_number"),
    }
    return bundle.Bundle(**(fields | more))
