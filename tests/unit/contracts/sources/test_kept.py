"""Copies of fetched documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from starfort.config.documents import GitDocument, UrlDocument
from starfort.contracts.sources.kept import Copies, Fetched
from starfort.runtime.file_watch import mark

ONE = UrlDocument(url="https://a.example/api")


def put(copies: Copies, text: str, version: str) -> None:
    """A new copy."""
    with copies.next() as folder:
        (folder / copies.inner).parent.mkdir(parents=True, exist_ok=True)
        (folder / copies.inner).write_text(text)
        copies.accept(folder, version, 7.0)


def test_a_copy_takes_the_place_of_the_old_one_at_once(tmp_path: Path) -> None:
    """The watch of files sees it as a file that changed, and the path stays."""
    copies = Copies(tmp_path, ONE)
    assert mark(copies.file) is None
    put(copies, "a", "1")
    first = mark(copies.file)
    put(copies, "a", "2")
    assert mark(copies.file) not in (None, first)
    assert copies.state() == Fetched("2", 7.0, 7.0)
    assert Copies(tmp_path, ONE).file == copies.file, "another process finds it"


def test_a_copy_that_is_not_taken_is_removed(tmp_path: Path) -> None:
    """Also when reading it fails; the copy before stays."""
    copies = Copies(tmp_path, ONE)
    put(copies, "a", "1")
    seen: list[Path] = []

    def fail() -> None:
        with copies.next() as folder:
            seen.append(folder)
            (folder / "document").write_text("b")
            raise ValueError(folder)

    with pytest.raises(ValueError, match="copy-"):
        fail()
    assert not seen[0].exists()
    assert copies.file.read_text() == "a"


def test_a_failure_is_kept_until_the_next_success(tmp_path: Path) -> None:
    """With its time; the version of the good copy stays. A damaged state is none."""
    copies = Copies(tmp_path, ONE)
    copies.failed("no answer", 3.0)
    assert copies.state() == Fetched(error="no answer", failed_at=3.0)
    put(copies, "a", "1")
    copies.failed("no answer", 9.0)
    assert copies.state() == Fetched("1", 7.0, 7.0, "no answer", 9.0)
    copies.unchanged(11.0)
    assert copies.state() == Fetched("1", 11.0, 7.0)
    (copies.file.parent.parent / "state.json").write_text("{")
    assert copies.state() == Fetched()


def test_each_source_has_copies_of_its_own(tmp_path: Path) -> None:
    """Another address, branch or path is another document; how often it is looked at is not."""
    documents = [
        ONE,
        UrlDocument(url="https://a.example/other"),
        GitDocument(git="https://a.example/api", path="a.yaml"),
        GitDocument(git="https://a.example/api", path="b.yaml"),
        GitDocument(git="https://a.example/api", path="a.yaml", ref="v1"),
    ]
    assert len({Copies(tmp_path, one).file for one in documents}) == len(documents)
    again = ONE.model_copy(update={"networks": ["10.0.0.0/8"]})
    assert Copies(tmp_path, again).file == Copies(tmp_path, ONE).file
