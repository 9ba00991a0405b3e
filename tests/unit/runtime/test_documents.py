"""Fetched documents while Starfort runs."""

from __future__ import annotations

from pathlib import Path

from starfort.config import Config
from starfort.config.documents import Remote, UrlDocument
from starfort.contracts.changes import Change
from starfort.contracts.sources.refresh import Refreshed
from starfort.runtime.documents import DocumentRefresh


def config(**documents: str) -> Config:
    """A configuration with an API for each document."""
    return Config.model_validate(
        {
            "version": 1,
            "listeners": [{"name": "p", "address": "127.0.0.1:8080"}],
            "upstreams": [{"name": "s", "addresses": ["127.0.0.1:9"]}],
            "apis": [{"name": name, "upstream": "s", "openapi": where} for name, where in documents.items()],
        }
    )


async def test_each_document_is_looked_at_in_its_own_time(tmp_path: Path) -> None:
    """At the start and then at its interval; files are not fetched; an API that goes is forgotten."""
    asked: list[str] = []

    def fetch(_: Path, document: Remote) -> Refreshed:
        assert isinstance(document, UrlDocument)
        asked.append(document.url)
        return Refreshed("failed", "no answer") if "bad" in document.url else Refreshed("unchanged")

    known = [config(shop="https://a.example/shop", bad="https://a.example/bad", file="api.yaml")]
    refresh = DocumentRefresh(tmp_path, lambda: known[0], fetch)
    await refresh.look(0)
    assert asked == ["https://a.example/shop", "https://a.example/bad"]
    assert refresh.problems() == ["the document of bad: no answer"]
    await refresh.look(299)
    assert len(asked) == 2
    await refresh.look(300)
    assert len(asked) == 4
    assert refresh.results == {"unchanged": 2, "failed": 2}
    known[0] = config(shop="https://a.example/shop")
    await refresh.look(301)
    assert refresh.problems() == []


async def test_what_changed_is_counted(tmp_path: Path) -> None:
    """And is no problem, even when it breaks callers."""
    change = Change("api-removed-without-deprecation", "error", "GET", "/a", "", "gone")
    refresh = DocumentRefresh(
        tmp_path,
        lambda: config(shop="https://a.example/"),
        lambda *_: Refreshed("changed", changes=(change,)),
    )
    await refresh.look(0)
    assert refresh.results == {"changed": 1}
    assert refresh.problems() == []
