"""Files like those that people upload. They are made here, and are the same in every run."""

from __future__ import annotations

import functools
import gzip
import io
import json
import random
import struct
import sysconfig
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks.quality.clients import Call, sent
from benchmarks.quality.multipart import STYLES, Part, written
from benchmarks.quality.sample import Sample, chance

NAMES: Final = (
    "report.{}", "Q3 report (final).{}", "O'Brien.{}", "a & b.{}", "Rechnung_Müller.{}", "請求書.{}", "résumé; v2.{}",
    "IMG_2024-11-27 10:15:30.{}", "50%.{}", "notes,old.{}", "x=y.{}", "~$draft.{}", 'my "best" photo.{}', "file#1.{}",
    "archive.tar.{}", "UPPER.{}", "👍 great.{}", "data[1].{}", "{{template}}.{}", "user@example.com.{}", "select all.{}",
    "C++ course.{}", "C:\\fakepath\\photo.{}", "no extension", "über $100 + 20.{}", "Отчёт за май.{}", "copy of copy.{}",
)  # fmt: skip
"""Ordinary names; `{}` becomes the extension."""

PROSE: Final = (
    "Dear team,\n\nplease find the figures attached -- they're from O'Brien's draft.\n\n--\nAnna\n",
    "TODO\n====\n- buy milk\n- call Bob & Alice\n--- cut here ---\nselect a colour; update the list or drop it\n",
    "2024-11-27 10:15:30,123 INFO  [main] c.e.App - started in 3.2 s\n2024-11-27 10:15:31 WARN  GET /a?b=c 404\n",
    "# Notes\n\n* `ls -la /etc` lists files\n* see <https://example.com/?a=b&c=d>\n\n```sh\ncat notes.txt | sort | uniq -c\n```\n",
)


def text(rng: random.Random) -> bytes:
    """A text file with either kind of line end."""
    body = "".join(rng.choice(PROSE) for _ in range(rng.randint(1, 6)))
    return (body.replace("\n", "\r\n") if rng.random() < 0.3 else body).encode(
        rng.choice(["utf-8", "latin-1", "utf-8-sig", "utf-16"]), "replace"
    )


def csv(rng: random.Random) -> bytes:
    """A table."""
    end = rng.choice(["\n", "\r\n"])
    rows = [
        f'{n};"O\'Neil, Anna";{rng.randrange(10**4) / 100};"said ""hi"" -- twice";=SUM(A1:A{n + 1});2024-11-27'
        for n in range(rng.randint(3, 200))
    ]
    return ("id;name;amount;note;formula;date" + end + end.join(rows) + end).encode()


@functools.cache
def _sources() -> list[Path]:
    return sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))


def source(rng: random.Random) -> bytes:
    """Code: a module of Python's standard library."""
    return rng.choice(_sources()).read_bytes()[: rng.randint(1_000, 60_000)]


def png(rng: random.Random) -> bytes:
    """An image of noise."""
    width, height = rng.randint(8, 120), rng.randint(8, 120)
    raw = b"".join(b"\0" + rng.randbytes(3 * width) for _ in range(height))

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    comment = b'tEXtComment\0Created with GIMP; don\'t "edit"'
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(comment[:4], comment[4:])
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def jpeg(rng: random.Random) -> bytes:
    """The frame of a JPEG file (JFIF, EXIF, XMP) around noise."""
    xmp = b"http://ns.adobe.com/xap/1.0/\0<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF/></x:xmpmeta><?xpacket end='w'?>"
    app0 = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0H\0H\0\0"
    app1 = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
    noise = rng.randbytes(rng.randint(4_000, 200_000)).replace(b"\xff", b"\xff\0")
    return (
        b"\xff\xd8"
        + app0
        + app1
        + b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00?\x00"
        + noise
        + b"\xff\xd9"
    )


def pdf(rng: random.Random) -> bytes:
    """A document with plain objects and one compressed stream."""
    page = zlib.compress(
        b"BT /F1 12 Tf (Invoice no. 4711 -- O'Brien \\(final\\)) Tj ET"
        + rng.randbytes(rng.randint(500, 40_000))
    )
    return (
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog/Pages 2 0 R/OpenAction[3 0 R/Fit]/URI(https://example.com/?a=b)>>\nendobj\n"
        b"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n3 0 obj\n<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>\nendobj\n"
        b"4 0 obj\n<< /Length "
        + str(len(page)).encode()
        + b" /Filter /FlateDecode >>\nstream\n"
        + page
        + b"\nendstream\nendobj\n"
        b"xref\n0 5\n0000000000 65535 f \ntrailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n"
        + str(len(page)).encode()
        + b"\n%%EOF\n"
    )


def zipped(rng: random.Random) -> bytes:
    """An archive; office documents are archives, too."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (
            ("[Content_Types].xml", b"<?xml version='1.0'?><Types/>"), ("word/document.xml", text(rng)),
            ("docs/notes.txt", text(rng)), ("img.png", png(rng)),
        ):  # fmt: skip
            archive.writestr(zipfile.ZipInfo(name, (2024, 11, 27, 10, 15, 30)), content)
    return buffer.getvalue()


def gz(rng: random.Random) -> bytes:
    """A compressed text."""
    return gzip.compress(text(rng) * 20, mtime=0)


def noise(rng: random.Random) -> bytes:
    """Bytes of any kind: audio, video, encrypted backups."""
    return rng.randbytes(rng.randint(1_000, 300_000))


def svg(rng: random.Random) -> bytes:
    """A drawing without scripts."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">\n'
        f'  <style>.a{{fill:none;stroke:#{rng.getrandbits(24):06x}}}</style>\n  <path class="a" d="M3 3h18v18H3z"/>\n</svg>\n'
    ).encode()


def json_file(rng: random.Random) -> bytes:
    """A JSON file."""
    return json.dumps(
        {"name": "O'Brien", "scripts": {"build": "tsc && rm -rf dist; cp -r src dist"}, "n": rng.random()},
        indent=2,
    ).encode()


KINDS: Final[dict[str, tuple[str, str, Callable[[random.Random], bytes]]]] = {
    "text": ("txt", "text/plain", text),
    "markdown": ("md", "text/markdown", text),
    "log": ("log", "text/plain", text),
    "csv": ("csv", "text/csv", csv),
    "source": ("py", "text/x-python", source),
    "json": ("json", "application/json", json_file),
    "png": ("png", "image/png", png),
    "jpeg": ("jpg", "image/jpeg", jpeg),
    "svg": ("svg", "image/svg+xml", svg),
    "pdf": ("pdf", "application/pdf", pdf),
    "zip": ("zip", "application/zip", zipped),
    "docx": ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", zipped),
    "gzip": ("gz", "application/gzip", gz),
    "audio": ("m4a", "audio/mp4", noise),
    "octets": ("bin", "application/octet-stream", noise),
}


def content(rng: random.Random, content_type: str) -> bytes:
    """A file of a media type; noise if the type is not among `KINDS`."""
    for _, kind, make in KINDS.values():
        if kind == content_type:
            return make(rng)
    return text(rng) if content_type.startswith("text/") else noise(rng)


def part(rng: random.Random, name: str) -> Part:
    """A file in a field of a form."""
    extension, kind, make = rng.choice(list(KINDS.values()))
    return Part(name, make(rng), rng.choice(NAMES).replace("{}", extension), kind)


FIELDS: Final = (
    ("title", "Q3 report -- O'Brien's draft"), ("description", "Select the best; don't drop any & keep <3 of them"),
    ("folder", "/reports/2024"), ("tags", '["a", "b"]'), ("metadata", '{"author": "Anna", "public": false}'),
    ("csrf", "4f1c9a7be0d24c7e8b0f6f1f2f3b4c5d"), ("empty", ""), ("user[name]", "Anna"), ("meta.description", "x"),
)  # fmt: skip


def samples(count: int) -> Iterator[Sample]:
    """Uploads: every kind of file by every writer, repeated with other names; some of them as bare bodies."""
    for number in range(count):
        rng = chance("uploads", number)
        style = list(STYLES)[number % len(STYLES)]
        kind = list(KINDS)[number // len(STYLES) % len(KINDS)]
        extension, media, make = KINDS[kind]
        parts = [Part(key, value.encode()) for key, value in rng.sample(FIELDS, rng.randint(0, 4))]
        for index in range(rng.choice([1, 1, 1, 3])):
            filename = rng.choice(NAMES).replace("{}", extension)
            parts.append(
                Part(
                    rng.choice(["file", "upload", "files[]", f"attachment-{index}", "document[file]"]),
                    make(rng),
                    filename,
                    media,
                )
            )
        rng.shuffle(parts)
        body, content_type = written(STYLES[style], parts, rng)
        client = {
            "okhttp": "okhttp",
            "retrofit": "android",
            "ios": "ios",
            "chrome": "chrome",
            "undici": "node",
        }.get(style, style)
        call = Call(
            "POST",
            rng.choice(["/v1/files", "/upload?folder=a%2Fb", "/api/documents/42/attachments"]),
            body,
            content_type,
        )
        shown = ", ".join(each.filename or each.name for each in parts)
        yield sent(f"uploads: {kind}", f"{style}: {shown}", call, rng, client)
    yield from _bare(count // 4)


def _bare(count: int) -> Iterator[Sample]:
    for number in range(count):
        rng = chance("bare uploads", number)
        kind = list(KINDS)[number % len(KINDS)]
        extension, media, make = KINDS[kind]
        method = rng.choice(["PUT", "POST", "PATCH"])
        headers = (("x-file-name", f"report.{extension}"),) if rng.random() < 0.3 else ()
        call = Call(
            method,
            f"/v1/files/report-{number}.{extension}",
            make(rng),
            rng.choice([media, "application/octet-stream"]),
            headers,
        )
        yield sent("uploads: bare body", f"{method} {media}", call, rng)
