"""Fetched documents while Starfort runs."""

from __future__ import annotations

from pathlib import Path

from starfort.config import Config
from starfort.config.documents import Remote, UrlDocument
from starfort.contracts.changes import Change
from starfort.contracts.sources.kept import Copies
from starfort.contracts.sources.refresh import Refreshed
from starfort.runtime.documents import DocumentRefresh
from starfort.store import Store
from tests.support.control import Control, until


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


async def test_a_new_copy_comes_into_force(tmp_path: Path, store: Store) -> None:
    """As a changed file of the configuration does; until it comes, the API has no document."""
    control = Control(tmp_path, store)
    await control.start()
    try:
        comes = [Refreshed("failed", "no answer")]

        def fetch(data_dir: Path, document: Remote) -> Refreshed:
            if comes[0].result == "changed" and not Copies(data_dir, document).file.exists():
                with (copies := Copies(data_dir, document)).next() as folder:
                    (folder / "document").write_text("openapi: 3.1.0\npaths: {/a: {get: {}}}\n")
                    copies.accept(folder, "1", 0.0)
            return comes[0]

        control.runtime.parts.documents._fetch = fetch
        control.write(
            apis=[
                {
                    "name": "shop",
                    "upstream": "app",
                    "openapi": {"url": "https://a.example/", "interval": "10s"},
                }
            ]
        )
        await until(lambda: any("no answer" in one for one in control.runtime.status().problems))
        assert not control.runtime.parts.configuration.built.bundle.apis[0].documented
        comes[0] = Refreshed("changed")
        control.runtime.parts.documents._due.clear()
        await until(lambda: control.runtime.parts.configuration.built.bundle.apis[0].documented)
        endpoints = control.runtime.parts.configuration.built.bundle.endpoints
        assert [(one.method, one.path) for one in endpoints if one.documented] == [("GET", "/a")]
        assert not any("document" in one for one in control.runtime.status().problems)
    finally:
        await control.stop()
