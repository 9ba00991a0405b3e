"""Whatever stands in a file, reading it ends, and the engine takes what comes of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starfort._engine import Recorder
from starfort.bundle import encode
from starfort.sources.batches import batches
from starfort.sources.formats import har, json_log, otlp, template
from starfort.sources.formats.fields import call_of
from starfort.sources.formats.outcome import Failure, Skipped
from starfort.sources.formats.postman import Collection
from starfort.sources.formats.tap import Taps, wrapper_of_json, wrapper_of_protobuf
from starfort.sources.live.tap import Messages
from starfort.sources.reading import Options, Sourced, Tally, read
from tests.support.recorded import recorded_bundle
from tests.support.sources import HAR_ENTRY, NEW_SPAN, POSTMAN, SAMPLES, TAP
from tests.support.sources import har as har_of
from tests.support.sources import otlp as otlp_of

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    """The engine of a bundle with one API for every host."""
    return Recorder(encode(recorded_bundle()))


def _mutated(draw: st.DrawFn, value: Any) -> Any:
    """A document with some of its values replaced by others."""
    if isinstance(value, dict):
        kept = {name: _mutated(draw, each) for name, each in value.items() if draw(st.integers(0, 19))}
        return kept if draw(st.integers(0, 19)) else draw(JSON)
    if isinstance(value, list):
        return [_mutated(draw, each) for each in value] if draw(st.integers(0, 19)) else draw(JSON)
    return value if draw(st.integers(0, 9)) else draw(JSON)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, Any]:
    """A document of a known format that is broken in some places."""
    kind, whole = draw(
        st.sampled_from(
            [
                ("har", har_of(HAR_ENTRY, HAR_ENTRY)),
                ("postman", POSTMAN),
                ("otlp", otlp_of(NEW_SPAN)),
                ("tap", TAP),
            ]
        )
    )
    return kind, _mutated(draw, json.loads(json.dumps(whole)))


@QUICK
@given(documents())
def test_broken_documents_are_mistakes(recorder: Recorder, made: tuple[str, Any]) -> None:
    """A document that is broken anywhere yields calls that the engine takes, and mistakes; nothing else."""
    kind, document = made
    readers: dict[str, Any] = {
        "har": har.calls,
        "postman": lambda value: Collection(value).calls(),
        "otlp": otlp.of_json,
        "tap": lambda value: Taps().take(wrapper_of_json(value)),
    }
    try:
        outcomes = list(readers[kind](document))
    except ValueError:
        return
    calls = [Sourced(kind, each) for each in outcomes if not isinstance(each, Failure | Skipped)]
    assert sum(batch.rows for batch in batches(calls, recorder)) == len(calls)


@QUICK
@given(
    st.binary(max_size=400)
    | st.sampled_from([content for content, _, _ in SAMPLES.values() if len(content) < 4000]),
    st.data(),
)
def test_any_bytes_are_read_to_an_end(
    tmp_path_factory: pytest.TempPathFactory, recorder: Recorder, content: bytes, data: st.DataObject
) -> None:
    """Any file, and every known one with bytes changed, is read or refused; the engine takes what was read."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(0, 4))):
        if changed:
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    file: Path = tmp_path_factory.mktemp("any") / "file"
    file.write_bytes(bytes(changed))
    tally = Tally()
    made = list(batches(read([file], Options(), tally), recorder))
    assert sum(batch.rows for batch in made) == tally.calls


@QUICK
@given(st.binary(max_size=200))
def test_any_message_of_a_tap(message: bytes) -> None:
    """Bytes that are no message of a tap are refused, and others are read."""
    try:
        list(Taps().take(wrapper_of_protobuf(message)))
    except ValueError:
        return


@QUICK
@given(JSON)
def test_any_json_line(value: Any) -> None:
    """A line of JSON is a call or a mistake."""
    try:
        json_log.call(value)
    except ValueError:
        return


WORDS = st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n'), min_size=1, max_size=20).filter(
    lambda text: text != "-"
)


@QUICK
@given(
    agent=WORDS, target=st.from_regex(r"/[a-z0-9/_.~-]{0,30}", fullmatch=True), status=st.integers(100, 599)
)
def test_a_line_that_was_written_is_read(agent: str, target: str, status: int) -> None:
    """What a server writes in a format is what is read with it."""
    format_ = template.compiled('[$time_iso8601] "$request" $status "$http_user_agent"')
    call = call_of(format_.read(f'[2024-01-01T00:00:00Z] "GET {target} HTTP/1.1" {status} "{agent}"'))
    assert (call.target.decode(), call.status) == (target, status)
    assert (b"user-agent", agent.encode()) in call.headers


@QUICK
@given(st.lists(st.dictionaries(st.text(max_size=8), JSON, min_size=1, max_size=3), max_size=4), st.data())
def test_a_stream_is_cut_into_its_objects(objects: list[Any], data: st.DataObject) -> None:
    """Indented objects are found again, however the stream is cut into pieces and with or without line breaks."""
    between = data.draw(st.sampled_from(["", "\n"]))
    text = between.join(json.dumps(each, indent=1) for each in objects)
    messages, found, at = Messages(), [], 0
    while at < len(text):
        size = data.draw(st.integers(1, 40))
        found += list(messages.feed(text[at : at + size]))
        at += size
    assert [json.dumps(each) for each in found] == [json.dumps(each) for each in objects]
