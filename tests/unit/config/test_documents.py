"""Where documents come from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from starfort.config.documents import Document, GitDocument, UrlDocument

ANY: TypeAdapter[Path | UrlDocument | GitDocument] = TypeAdapter(Document)


def test_a_document_is_written_in_four_ways() -> None:
    """A file, an address, an address with settings, a repository."""
    assert ANY.validate_python("api.yaml") == Path("api.yaml")
    assert ANY.validate_python("https://a.example/x") == UrlDocument(url="https://a.example/x")
    one = ANY.validate_python({"url": "https://a.example/x", "interval": "1h"})
    assert isinstance(one, UrlDocument)
    assert one.interval == timedelta(hours=1)
    assert isinstance(ANY.validate_python({"git": "https://a.example/x", "path": "a/b.yaml"}), GitDocument)


@pytest.mark.parametrize(
    "written",
    [
        "http://a.example/x",
        "file:///etc/passwd",
        "https://user:secret@a.example/x",
        "https:///x",
        {"url": "https://a.example/\nx"},
        {"url": "https://a.example/x", "interval": "1s"},
        {"git": "https://a.example/x", "path": "../x"},
        {"git": "https://a.example/x", "path": "/x"},
        {"git": "https://a.example/x", "path": "a//b"},
        {"git": "https://a.example/x", "path": "-x"},
        {"git": "--upload-pack=x", "path": "a"},
        {"git": "https://a.example/x", "path": "a", "ref": "--x"},
        {"git": "https://a.example/x", "path": "a", "ref": "a..b"},
        {"git": "https://a.example/x", "url": "https://a.example/x", "path": "a"},
        {},
        7,
    ],
)
def test_what_could_do_harm_is_refused(written: object) -> None:
    """Other schemes, passwords in addresses, ways out of a repository, and options of git."""
    with pytest.raises(ValidationError):
        ANY.validate_python(written)
