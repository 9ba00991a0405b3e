"""Formats are recognised by content."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from starfort.sources.reading import Options, Tally, read
from tests.support.sources import ALB, NGINX, SAMPLES


def _read(path: Path) -> tuple[Tally, list[str]]:
    tally = Tally()
    return tally, [each.source for each in read([path], Options(), tally)]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("codec", ["", "gzip", "zstd"])
def test_every_sample_is_recognised_by_its_content(tmp_path: Path, name: str, codec: str) -> None:
    """Each format is recognised without a file name, compressed or not, and all of its calls are read."""
    content, format_, source = SAMPLES[name]
    file = tmp_path / "input"
    file.write_bytes(
        gzip.compress(content) if codec == "gzip"
        else bytes(pa.Codec("zstd").compress(content)) if codec else content
    )  # fmt: skip
    tally, sources = _read(file)
    assert dict(tally.files) == {format_: 1}
    assert set(sources) == {source}
    assert (tally.failed, tally.broken, tally.failures) == (0, 0, [])


def test_noise_between_calls_is_counted_and_shown_with_its_line(tmp_path: Path) -> None:
    """A line that is no call is counted and shown with file and line, and the others are read."""
    file = tmp_path / "access.log"
    file.write_text(
        NGINX * 2 + NGINX.replace("GET /v1/orders/7?page=1 HTTP/1.1", "\\x16\\x03\\x01") + "# end\n" + NGINX
    )
    tally, sources = _read(file)
    assert (len(sources), tally.failed, tally.skipped["comment"]) == (3, 1, 1)
    assert tally.failures[0].startswith(f"{file}: line 3: ")


def test_two_formats_are_not_mixed_up(tmp_path: Path) -> None:
    """A file of a load balancer is not read as a web server's, although both are text."""
    file = tmp_path / "alb.log"
    file.write_text(ALB)
    tally = Tally()
    (call,) = (each.call for each in read([file], Options(), tally))
    assert (call.method, call.host, call.target) == ("GET", "10.0.2.105:773", b"/v1/orders?page=2")
    assert (call.scheme, call.address, call.duration_us) == ("https", "10.0.1.252", 2000)


@pytest.mark.parametrize(
    "content", [b"hello\nworld\n", b"\x00\x01\x02\x03", b"{", b"[1, 2", b"\x0a\x05", b"PK\x03\x04\0\0"]
)
def test_other_files_are_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    """A file of no known format yields no call, and the tally says what to do."""
    file = tmp_path / "other"
    file.write_bytes(content)
    tally, sources = _read(file)
    assert (sources, tally.broken) == ([], 1)
    assert str(file) in tally.failures[0]


def test_a_long_line_is_one_mistake(tmp_path: Path) -> None:
    """A line over the limit is one mistake, and the next line is read."""
    file = tmp_path / "access.log"
    file.write_text(NGINX * 60 + "x" * (3 << 20) + "\n" + NGINX)
    tally, sources = _read(file)
    assert (len(sources), tally.failed) == (61, 1)
    assert "line 61" in tally.failures[0]
