"""Uploads, evasions and places hold what they say, as readers other than Starfort's read it."""

from __future__ import annotations

import base64
import email.message
import email.parser
import email.policy
import json
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from benchmarks.quality import attacks, bypasses, files, graphql, idioms
from benchmarks.quality.evasions import FOREIGN, HARMLESS, found, mutated
from benchmarks.quality.judge import Verdict
from benchmarks.quality.multipart import STYLES, Part, written
from benchmarks.quality.mutations import ALL, Mutation
from benchmarks.quality.mutations.encodings import stored_brotli
from benchmarks.quality.sample import Sample, chance

from starfort import bundle, config
from starfort._engine import Engine
from starfort.compile import compile_config

TEXT = "1' OR <b>é=1"


def read(body: bytes, content_type: str) -> list[tuple[str, str, bytes]]:
    """Name, file name and content of each part, as Python's mail parser reads them."""
    raw = f"Content-Type: {content_type}\r\n\r\n".encode() + body
    message = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(raw)

    def parts() -> Iterator[tuple[str, str, bytes]]:
        for part in message.get_payload():
            assert isinstance(part, email.message.Message)
            content = part.get_payload(decode=True)
            name = part.get_param("name", header="content-disposition")
            yield str(name), str(part.get_filename()), content if isinstance(content, bytes) else b""

    return list(parts())


@pytest.mark.parametrize("style", STYLES)
def test_a_writers_body_holds_its_parts(style: str) -> None:
    """Each writer's boundary, headers and contents are what a mail parser takes them for."""
    parts = [Part("title", b"Hello"), Part("file", b"a,b\nc", "a b.csv", "text/csv")]
    body, content_type = written(STYLES[style], parts, chance(style))
    (first, second) = read(body, content_type)
    assert (first[0], first[2]) == ("title", b"Hello")
    assert (second[0], second[1], second[2]) == ("file", "a b.csv", b"a,b\nc")


@pytest.mark.parametrize("kind", files.KINDS)
def test_a_file_is_the_same_in_every_run(kind: str) -> None:
    """And begins as files of its kind do."""
    _, _, make = files.KINDS[kind]
    begins = {
        "png": b"\x89PNG",
        "jpeg": b"\xff\xd8\xff",
        "pdf": b"%PDF-",
        "zip": b"PK\x03\x04",
        "gzip": b"\x1f\x8b",
    }
    made = make(chance(kind))
    assert made == make(chance(kind))
    assert made.startswith(begins.get(kind, b""))


def test_every_sample_can_be_sent() -> None:
    """Its length is its body's, it has one host, and no header holds the end of a line."""
    for sample in [
        *files.samples(60),
        *graphql.samples(),
        *idioms.samples(1),
        *(each for each, _ in bypasses.samples()),
    ]:
        headers = [
            (name, value if isinstance(value, bytes) else value.encode()) for name, value in sample.headers
        ]
        assert [name for name, _ in headers].count("host") == 1, sample.name
        assert not [name for name, value in headers if b"\n" in value or b"\r" in value], sample.name
        length = dict(headers).get("content-length", b"0")
        assert int(length) == len(sample.body), sample.name
        assert sample.target.startswith(("/", "http")), sample.name
        assert " " not in sample.target, sample.name


def test_mutations_have_names_of_their_own_and_known_places() -> None:
    """Two of one name would count as one."""
    names = [(each.group, each.name) for each in ALL]
    assert len(names) == len(set(names))
    assert {each.plain for each in ALL} <= set(attacks.PLACES)


@pytest.mark.parametrize(
    "mutation", [each for each in ALL if not each.heavy], ids=lambda each: f"{each.group}: {each.name}"
)
def test_a_mutation_makes_a_request_of_any_text(mutation: Mutation) -> None:
    """Of harmless texts, foreign ones and odd ones."""
    for text in (*HARMLESS, *FOREIGN, TEXT, "\udcff\udcfe", "a\r\nb\0c", '"""\\', "]]>"):
        sample = mutated(mutation, attacks.Payload("test", text))
        assert isinstance(sample.wire(), bytes)


def form(group: str, name: str) -> Sample:
    """`TEXT` in a form."""
    (mutation,) = [each for each in ALL if (each.group, each.name) == (group, name)]
    return mutated(mutation, attacks.Payload("test", TEXT))


def test_forms_decode_to_the_text() -> None:
    """What a decoder of each form gives back is the text: else nothing was hidden."""
    assert json.loads(form("json escapes", "\\u for every character").body)["customer"] == TEXT
    inner = json.loads(form("json escapes", "JSON in a JSON string, in \\u").body)["message"]
    assert json.loads(inner)["customer"] == TEXT
    assert base64.b64decode(json.loads(form("base64", "JSON value").body)["data"]).decode() == TEXT
    assert bytes.fromhex(json.loads(form("hex", "JSON value").body)["data"]).decode() == TEXT
    assert unquote(unquote(form("spellings", "percent twice, query").target.partition("q=")[2])) == TEXT
    assert json.loads(form("content types", "JSON in UTF-16 with a mark").body)["customer"] == TEXT
    assert (
        read(form("multipart", "transfer encoding Base64").body, "multipart/form-data; boundary=----b4711")[
            0
        ][2].decode()
        == TEXT
    )


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The engine without rules."""
    folder = tmp_path_factory.mktemp("quality")
    (folder / "starfort.yaml").write_text(bypasses.CONFIG)
    (folder / "openapi.json").write_text(json.dumps(bypasses.DOCUMENT))
    made = compile_config(config.load(folder / "starfort.yaml"), hash_key=bytes(32), signal_kinds=())
    return Engine(bundle.encode(made.bundle))


@pytest.mark.parametrize(
    "name", ["gzip", "gzip in two members", "gzip with a file name", "deflate", "Brotli", "zstd", "identity"]
)
def test_a_compressed_body_is_one_that_decoders_read(name: str, engine: Engine) -> None:
    """The engine, whose decoders are others', finds the member of the JSON in it."""
    told = engine.explain(form("content encodings", name).described())
    assert told["event"]["parameters"] == ["body:customer:string"]


def test_stored_brotli_spans_blocks() -> None:
    """A block holds 64 KiB: longer contents take several, and the stream grows by little more than the content."""
    content = bytes(200_000)
    assert len(content) < len(stored_brotli(content)) < len(content) + 64


def test_policies_are_met_in_plain(engine: Engine) -> None:
    """The spellings are of paths and values that a policy does stand for, and ordinary requests meet none."""
    for sample, expected in bypasses.samples():
        if sample.name.endswith(": as it is") or not expected:
            assert (engine.explain(sample.described())["action"] == "block") is expected, sample.name


def test_an_attack_is_found_only_by_more_than_its_form() -> None:
    """A form that is refused with a harmless text in it shows nothing of an attack in it."""
    sample = form("base64", "JSON value")
    usual = frozenset({920420})
    refused = Verdict(sample, refused=True, rules=(920420,), policy="rules")
    assert not found(refused, usual)
    assert found(Verdict(sample, refused=True, rules=(920420, 942100), policy="rules"), usual)
    assert found(Verdict(sample, refused=True, policy="limits"), usual)
    assert not found(Verdict(sample, refused=False, rules=(942100,)), usual)
