"""Reading of files."""

from dataclasses import replace
from pathlib import Path

from starfort.sources.call import Part
from starfort.sources.files import opened
from starfort.sources.reading import Options, Tally, read
from tests.support.sources import (
    NGINX,
    SAMPLES,
    VHOST,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


def test_a_call_from_tomorrow_is_a_mistake(tmp_path: Path) -> None:
    """A call whose time lies far in the future is not recorded."""
    file = tmp_path / "log"
    file.write_text(NGINX.replace("2020", "2220"))
    tally = Tally()
    assert list(read([file], Options(), tally)) == []
    assert (tally.failed, tally.calls) == (1, 0)


def test_a_host_is_filled_in_or_replaced(tmp_path: Path) -> None:
    """A host stands in where a file names none, and can replace the one that it names."""
    file = tmp_path / "log"
    file.write_text(NGINX)
    (call,) = (each.call for each in read([file], Options(host="a.example"), Tally()))
    assert call.host == "a.example"
    file.write_text(VHOST)
    (call,) = (each.call for each in read([file], Options(host="a.example"), Tally()))
    assert call.host == "api.example.com"
    (call,) = (each.call for each in read([file], Options(every_host="b.example"), Tally()))
    assert call == replace(call, host="b.example")


def test_a_limit_ends_the_reading(tmp_path: Path) -> None:
    """No more calls are read than asked for."""
    file = tmp_path / "log"
    file.write_text(NGINX * 10)
    assert len(list(read([file, file], Options(limit=4), Tally()))) == 4


def test_the_beginning_is_not_lost(tmp_path: Path) -> None:
    """What was looked at to recognise a file is read as well."""
    file = tmp_path / "any"
    file.write_bytes(SAMPLES["har, long"][0])
    with opened(file) as found:
        assert found.stream.read() == SAMPLES["har, long"][0]
