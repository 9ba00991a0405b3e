"""OpenAPI documents."""

import json
from pathlib import Path

import pytest

from starfort import _engine
from starfort.compile import openapi
from starfort.compile.openapi import Operation
from starfort.config.apis import Api
from starfort.config.documents import UrlDocument
from starfort.contracts import operations, resolver
from starfort.contracts.sources.kept import Copies
from tests.support.corpora import OWN_DOCUMENTS, needs_corpus, parsed, public_documents
from tests.unit.compile.support import at, compiled

METHODS = {method.upper() for method in openapi.METHODS}


def document(folder: Path, text: str, name: str = "api.yaml") -> openapi.Document:
    """A document that has the text."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return openapi.read(file)


def test_operations_are_found(tmp_path: Path) -> None:
    """Every method of every path; what is no operation is none."""
    found = document(
        tmp_path,
        "openapi: 3.1.0\npaths:\n  /a:\n    summary: x\n    parameters: []\n    get: {}\n    post: {}\n"
        "  /b/{id}:\n    delete: {}\n  x-more: {get: {}}\n",
    )
    assert found.problems == ()
    assert list(found.operations) == [
        Operation("GET", "/a", ("",)),
        Operation("POST", "/a", ("",)),
        Operation("DELETE", "/b/{id}", ("",)),
    ]


def test_json_and_yaml_are_the_same(tmp_path: Path) -> None:
    """Whatever the file is called."""
    text = json.dumps({"openapi": "3.0.3", "paths": {"/a": {"get": {}}}})
    assert document(tmp_path, text).operations == document(tmp_path, text, "api.json").operations
    assert document(tmp_path, "\ufeff" + text, "bom.json").operations
    assert list(document(tmp_path, "{openapi: 3.0.3, paths: {/a: {get: {}}}}").operations) == [
        Operation("GET", "/a", ("",))
    ]


def test_new_methods_are_found(tmp_path: Path) -> None:
    """OpenAPI 3.2 has QUERY and methods of one's own."""
    text = "openapi: 3.2.0\npaths: {/a: {query: {}, additionalOperations: {LINK: {}}}}\n"
    assert [one.method for one in document(tmp_path, text).operations] == ["QUERY", "LINK"]


def test_references_within_the_document_are_followed(tmp_path: Path) -> None:
    """Escapes of JSON pointers too; what stands beside a reference counts before it."""
    found = document(
        tmp_path,
        "openapi: 3.1.0\n"
        "paths:\n"
        "  /a: {$ref: '#/components/pathItems/A'}\n"
        "  /b/c: {get: {}}\n"
        "  /d: {$ref: '#/paths/~1b~1c', post: {}}\n"
        "components: {pathItems: {A: {put: {}}}}\n",
    )
    assert found.problems == ()
    assert [(one.method, one.path) for one in found.operations] == [
        ("PUT", "/a"), ("GET", "/b/c"), ("GET", "/d"), ("POST", "/d"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("openapi: 3.1.0\npaths:\n  a: {get: {}}\n", 3, "'a' must begin with /"),
        ("openapi: 3.1.0\npaths:\n  /a/{b: {get: {}}\n", 3, "braces that do not fit"),
        ("openapi: 3.1.0\npaths:\n  /{}: {get: {}}\n", 3, "braces that do not fit"),
        ("openapi: 3.1.0\npaths:\n  /a:\n    get: 7\n", 4, "get must be a mapping"),
        ("openapi: 3.1.0\npaths:\n  /a: []\n", 3, "path item must be a mapping"),
        ("openapi: 3.1.0\npaths: []\n", 2, "paths must be a mapping"),
        ("openapi: 3.1.0\npaths:\n  /a:\n    $ref: other.yaml#/a\n", 4, "is no file here"),
        ("openapi: 3.1.0\npaths:\n  /a:\n    $ref: '#/components/none'\n", 4, "refers to nothing"),
        ("openapi: 3.1.0\npaths:\n  /a:\n    $ref: '#/paths/~1a'\n", 3, "references in a row"),
        ("swagger: '1.2'\npaths: {}\n", 1, "version 1.2"),
        ("info: {}\nopenapi: 4.0.0\npaths: {}\n", 2, "version 4.0.0"),
        ("paths: {}\n", 1, "no version"),
        ("- 1\n", 1, "must be a mapping"),
        ("a: b: c\n", 1, "is no YAML"),
        ("a: [\n", 2, "is no YAML"),
        ("", 1, "must be a mapping"),
    ],
)
def test_problems_say_where(tmp_path: Path, text: str, line: int, what: str) -> None:
    """Line of the part that is wrong."""
    found = document(tmp_path, text)
    assert found.operations == ()
    assert [problem.line for problem in found.problems] == [line], found.problems
    assert what in found.problems[0].what


def test_broken_json_says_where(tmp_path: Path) -> None:
    """Line and column of the parser."""
    problem = document(tmp_path, '{"openapi": "3.0.0",\n "paths": }', "api.json").problems[0]
    assert (problem.line, problem.column) == (2, 11)
    assert "is no JSON" in problem.what
    half = document(
        tmp_path, '{"openapi": "3.0.0", "paths": {"/\\ud800": {"get": {}}}}', "half.json"
    ).problems[0]
    assert "surrogate" in half.what
    assert document(tmp_path, '{"openapi": "3.0.0", "paths": {"/\\ud83d\\ude00": {"get": {}}}}').operations
    deep = document(tmp_path, "[" * 100_000, "deep.json").problems[0]
    assert "JSON" in deep.what or "deeply" in deep.what


def test_documents_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size and number of operations."""
    text = "openapi: 3.1.0\npaths: {/a: {get: {}, put: {}}, /b: {get: {}}}\n"
    monkeypatch.setattr(operations, "MAX_OPERATIONS", 2)
    assert "more than 2 operations" in document(tmp_path, text).problems[0].what
    monkeypatch.setattr(resolver, "MAX_DOCUMENT_BYTES", 10)
    assert "is larger than" in document(tmp_path, text, "large.yaml").problems[0].what
    assert "cannot be read" in openapi.read(tmp_path / "none").problems[0].what


@pytest.mark.parametrize(
    ("servers", "paths"),
    [
        ("", ("",)),
        ("servers: [{url: /}]", ("",)),
        ("servers: [{url: 'https://a.example/v1/'}, {url: 'http://b.example/v1'}]", ("/v1",)),
        ("servers: [{url: 'https://a.example'}, {url: /v2}]", ("", "/v2")),
        ("servers: [{url: '//a.example/x'}]", ("/x",)),
        ("servers: [{url: 'https://{h}/{v}', variables: {h: {default: a}, v: {default: v3}}}]", ("/v3",)),
        ("servers: [{url: 'https://a.example/{v}'}]", ("",)),
        ("servers: [{url: 'http://[bad'}, 7, {}]", ("",)),
        ("servers: nonsense", ("",)),
    ],
)
def test_servers_have_paths(tmp_path: Path, servers: str, paths: tuple[str, ...]) -> None:
    """Each one once; variables by their defaults; what cannot be read is left out."""
    found = document(tmp_path, f"openapi: 3.1.0\n{servers}\npaths: {{/a: {{get: {{}}}}}}\n")
    assert list(found.operations) == [Operation("GET", "/a", paths)]


def test_operations_may_have_servers_of_their_own(tmp_path: Path) -> None:
    """The nearest ones count."""
    found = document(
        tmp_path,
        "openapi: 3.1.0\nservers: [{url: /v1}]\npaths:\n"
        "  /a: {servers: [{url: /v2}], get: {}, put: {servers: [{url: /v3}]}}\n  /b: {get: {}}\n",
    )
    assert [one.server_paths for one in found.operations] == [("/v2",), ("/v3",), ("/v1",)]


def test_query_and_fragment_are_no_part_of_paths(tmp_path: Path) -> None:
    """Although some documents write them, to tell operations apart; what is encoded is decoded."""
    text = "openapi: 3.1.0\npaths:\n  '/a?x={x}': {get: {}}\n  '/b#c': {get: {}}\n  /d%20e: {get: {}}\n"
    assert [one.path for one in document(tmp_path, text).operations] == ["/a", "/b", "/d e"]


def test_problems_of_documents_are_problems_of_the_configuration(tmp_path: Path) -> None:
    """Told with the others, in the document's own file."""
    file = tmp_path / "api.yaml"
    file.write_text("openapi: 3.1.0\npaths:\n  a: {}\n", encoding="utf-8")
    with pytest.raises(Exception, match="must begin with /") as error:
        compiled(tmp_path, "", apis="apis: [{name: shop, upstream: shop, openapi: api.yaml}]\n")
    (problem,) = error.value.problems
    assert (problem.file, at(problem)) == (file, "a: {}")


def test_fetched_documents_are_read_from_their_copy(tmp_path: Path) -> None:
    """Before there is one, the API has no document and a warning says so; the copy is watched."""
    made = compiled(
        tmp_path, "", apis="apis: [{name: shop, upstream: shop, openapi: 'https://a.example/api'}]\n"
    )
    assert not made.bundle.apis[0].documented
    assert "was not fetched yet" in made.doubts[0].what
    assert made.files[-1].name == "document"
    api = Api(name="shop", upstream="shop", openapi=UrlDocument(url="https://a.example/api"))
    copies = Copies(tmp_path, UrlDocument(url="https://a.example/api"))
    with copies.next() as folder:
        (folder / "document").write_text("openapi: 3.1.0\npaths: {/a: {get: {}}}\n")
        copies.accept(folder, "1", 0)
    found = openapi.of_api(api, tmp_path)
    assert found is not None
    assert list(found.operations) == [Operation("GET", "/a", ("",))]
    assert (list(found.files), list(found.warnings)) == ([copies.file], [])


DOCUMENTS = pytest.mark.parametrize(
    ("documents", "operations"),
    [
        pytest.param(OWN_DOCUMENTS, 40, id="own"),
        pytest.param(public_documents(), 2356, id="public", marks=needs_corpus("openapi")),
    ],
)


@DOCUMENTS
def test_whole_documents_are_read(documents: list[Path], operations: int) -> None:
    """Every operation that a naive walk over a document finds is an endpoint."""
    total = 0
    for file in documents:
        paths = parsed(file)["paths"]
        wanted = {
            (method.upper(), path.partition("?")[0].partition("#")[0])
            for path, item in paths.items()
            for method in item
            if method.upper() in METHODS
        }
        found = openapi.read(file)
        assert found.problems == (), file
        assert {(one.method, one.path) for one in found.operations} == {
            (method, path.replace("%20", " ")) for method, path in wanted
        }
        total += len(wanted)
    assert total > operations


@DOCUMENTS
def test_whole_documents_compile_to_a_bundle_of_the_engine(
    documents: list[Path], operations: int, tmp_path: Path
) -> None:
    """All of them fit into one configuration, and each endpoint has an id of its own."""
    entries = [
        f"  - {{name: api-{n}, hosts: [api-{n}.example], upstream: shop, openapi: {json.dumps(str(file))}}}\n"
        for n, file in enumerate(documents)
    ]
    made = compiled(tmp_path, "", apis="apis:\n" + "".join(entries))
    assert all(endpoint.documented for endpoint in made.endpoints)
    assert len({endpoint.id for endpoint in made.endpoints}) == len(made.endpoints) > operations
    from starfort.bundle import encode

    assert _engine.check_bundle(encode(made.bundle))["endpoints"] == len(made.endpoints)
