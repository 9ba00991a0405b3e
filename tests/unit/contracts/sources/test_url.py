"""Documents by HTTPS."""

from __future__ import annotations

from pathlib import Path

import pytest

from starfort.config.documents import UrlDocument
from starfort.contracts import documents
from starfort.contracts.sources import url
from starfort.contracts.sources.kept import Copies
from starfort.contracts.sources.refresh import refresh
from tests.unit.contracts.sources.conftest import LOOPBACK, Server

GOOD = b"openapi: 3.1.0\npaths: {/a: {get: {}}}\n"
NEXT = b"openapi: 3.1.0\npaths: {/a: {get: {parameters: [{name: q, in: query, required: true}]}}}\n"
BROKEN = b"openapi: 3.1.0\npaths:\n  /a: {get: 7}\n"


def document(server: Server, **fields: object) -> UrlDocument:
    """A document of this server."""
    known = {"url": server.url("/api"), "networks": LOOPBACK, "ca": server.ca}
    return UrlDocument.model_validate(known | fields)


def test_a_document_is_fetched_and_kept(server: Server, tmp_path: Path) -> None:
    """A new one takes its place, with what changed; the same one changes nothing."""
    one, data = document(server), tmp_path / "var"
    server.answer = lambda *_: (200, {}, GOOD)
    assert refresh(data, one).result == "changed"
    file = Copies(data, one).file
    assert [operation.path for operation in documents.read(file).contract.operations] == ["/a"]
    assert refresh(data, one).result == "unchanged"
    server.answer = lambda *_: (200, {}, NEXT)
    found = refresh(data, one)
    assert [(change.code, change.level) for change in found.changes] == [
        ("new-required-request-parameter", "error")
    ]
    assert file.read_bytes() == NEXT
    assert len(list(file.parent.parent.glob("copy-*"))) <= 2, "older copies are removed"


def test_a_version_is_asked_for_once(server: Server, tmp_path: Path) -> None:
    """With the `ETag` of the copy, unless its file has gone."""
    one, data = document(server), tmp_path / "var"
    server.answer = lambda _, headers: (
        (304, {}, b"") if "if-none-match" in headers else (200, {"etag": '"7"'}, GOOD)
    )
    assert refresh(data, one).result == "changed"
    assert refresh(data, one).result == "unchanged"
    assert server.asked[1][1]["if-none-match"] == '"7"'
    Copies(data, one).file.unlink()
    assert refresh(data, one).result == "changed"
    assert "if-none-match" not in server.asked[2][1]


@pytest.mark.parametrize(
    ("status", "headers", "body", "result", "told"),
    [
        (200, {}, BROKEN, "refused", "document:3:"),
        (200, {}, b"<html>", "refused", "it must be a mapping"),
        (500, {}, b"", "failed", "answers 500"),
        (302, {"location": "https://localhost/other"}, b"", "failed", "write the address that it leads to"),
        (200, {"content-encoding": "gzip"}, b"", "failed", "compressed"),
        (200, {}, GOOD + b"#" * 2000, "failed", "is larger than"),
    ],
)
def test_what_is_wrong_changes_nothing(  # noqa: PLR0913, PLR0917 (a case is an answer and what comes of it)
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    status: int, headers: dict[str, str], body: bytes, result: str, told: str,
) -> None:  # fmt: skip
    """The last good copy stays, what is wrong is told with line and pointer, and the next good one is taken."""
    monkeypatch.setattr(url, "MAX_DOCUMENT_BYTES", 1000)
    one, data = document(server), tmp_path / "var"
    server.answer = lambda *_: (200, {}, GOOD)
    assert refresh(data, one).result == "changed"
    server.answer = lambda *_: (status, headers, body)
    found = refresh(data, one)
    assert (found.result, told in found.error) == (result, True), found.error
    assert Copies(data, one).file.read_bytes() == GOOD
    assert told in Copies(data, one).state().error
    server.answer = lambda *_: (200, {}, NEXT)
    assert refresh(data, one).result == "changed"
    assert Copies(data, one).state().error == ""


def test_only_checked_addresses_are_connected_to(server: Server, tmp_path: Path) -> None:
    """This machine is none, unless its network is allowed; nothing was asked."""
    server.answer = lambda *_: (200, {}, GOOD)
    found = refresh(tmp_path / "var", document(server, networks=[]))
    assert "which is not public" in found.error
    assert server.asked == []


def test_certificates_are_checked(server: Server, tmp_path: Path) -> None:
    """A server that nobody vouches for gives no document."""
    server.answer = lambda *_: (200, {}, GOOD)
    found = refresh(tmp_path / "var", document(server, ca=None))
    assert found.result == "failed"
    assert "certificate" in found.error.lower()


def test_a_secret_is_sent_and_not_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the environment; without it nothing is asked."""
    one, data = document(server, authorization_env="DOCUMENT_TOKEN"), tmp_path / "var"
    server.answer = lambda *_: (403, {}, b"")
    assert "DOCUMENT_TOKEN is not set" in refresh(data, one).error
    assert server.asked == []
    monkeypatch.setenv("DOCUMENT_TOKEN", "Bearer s3cret")
    found = refresh(data, one)
    assert server.asked[0][1]["authorization"] == "Bearer s3cret"
    assert "s3cret" not in found.error


def test_a_document_from_an_address_reads_no_other_file(server: Server, tmp_path: Path) -> None:
    """It is alone in its folder."""
    server.answer = lambda *_: (200, {}, b"openapi: 3.1.0\npaths: {/a: {$ref: '../state.json'}}\n")
    found = refresh(tmp_path / "var", document(server))
    assert (found.result, "leads out of the document's folder" in found.error) == ("refused", True)
