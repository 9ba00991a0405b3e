"""Sources are named with exactly one kind each."""

import pytest
from pydantic import ValidationError

from starfort.config.sources import Source


def test_a_kind_without_settings_has_defaults_on_loopback() -> None:
    """`mirror: {}` is enough, and listens for this machine only."""
    source = Source.model_validate({"name": "edge", "mirror": {}})
    assert source.mirror is not None
    assert source.mirror.address.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    "kinds",
    [
        {},
        {"mirror": {}, "envoy_access_log": {}},
        {"tap": {}},
        {"tap": {"admin": "http://127.0.0.1:9901", "folder": "/x"}},
        {"tap": {"admin": "https://127.0.0.1:9901/x"}},
        {"mirror": {"address": "nowhere"}},
        {"mirror": {}, "calls_per_second": 0},
    ],
)
def test_anything_else_is_a_mistake(kinds: dict[str, object]) -> None:
    """None, two kinds, or a tap that is neither asked nor read is refused."""
    with pytest.raises(ValidationError):
        Source.model_validate({"name": "edge", **kinds})
