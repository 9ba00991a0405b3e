"""Settings of contracts, and mistakes in them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from starfort.config.apis import Api
from starfort.config.contract import Contract, ScopedContract


def test_nothing_is_refused_by_default() -> None:
    """Requests and answers are observed, and fields are unknown only where their schema says so."""
    settings = Contract()
    assert (settings.source, settings.mode, settings.responses) == ("document", "observe", "observe")
    assert (settings.unknown, settings.remove) == ("schema", [])


def test_an_endpoint_says_only_what_differs() -> None:
    """What it does not say is its API's."""
    api = Api.model_validate(
        {
            "name": "shop",
            "upstream": "shop",
            "contract": {"source": "both", "mode": "enforce", "remove": "undocumented"},
            "endpoints": [{"match": "GET /a", "contract": {"mode": "off", "remove": ["a", "/b/*/c"]}}],
        }
    )
    assert api.endpoints[0].contract == ScopedContract(mode="off", remove=["a", "/b/*/c"])
    assert api.endpoints[0].contract.unknown is None


@pytest.mark.parametrize(
    "written",
    [
        {"mode": "block"}, {"unknown": "refuse"}, {"responses": True}, {"source": "traffic"},
        {"remove": "all"}, {"remove": ["a b"]}, {"remove": ["a/b"]}, {"remove": [""]}, {"remove": ["a"] * 501},
        {"modes": "off"},
    ],
)  # fmt: skip
def test_mistakes_are_told(written: dict[str, object]) -> None:
    """Words that nobody knows, and removals that are neither a name nor a path."""
    with pytest.raises(ValidationError):
        Contract.model_validate(written)
