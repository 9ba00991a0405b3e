"""Multipart bodies in the forms that lenient readers accept."""

from __future__ import annotations

import base64
import json
import re

from benchmarks.quality.clients import Call
from benchmarks.quality.mutations.forms import (
    BOUNDARY,
    JSON,
    b64,
    dumped,
    multipart,
    mutation,
    part,
    post,
    q,
    raw,
    u,
)


def _file_name(text: str) -> str:
    return re.sub(r"[\r\n\0]", " ", text)


def _file(parameters: str) -> Call:
    """An upload of one file, whose Content-Disposition goes on with these parameters."""
    return multipart(
        part("file", b"hello", head=f'Content-Disposition: form-data; name="file"; {parameters}')
    )


def _field(headers: str, content: bytes) -> Call:
    """A form with one field, whose Content-Disposition is followed by these headers or parameters."""
    return multipart(part("city", content, head=f'Content-Disposition: form-data; name="city"{headers}'))


@mutation("multipart", "quoted boundary", "multipart field", "all")
def _(text: str) -> Call:
    return multipart(part("city", raw(text)), kind=f'multipart/form-data; boundary="{BOUNDARY}"')


@mutation("multipart", "boundary in upper case, other parameter before", "multipart field", "all")
def _(text: str) -> Call:
    return multipart(part("city", raw(text)), kind=f"Multipart/Form-Data; charset=utf-8; BOUNDARY={BOUNDARY}")


@mutation("multipart", "filename*", "file name", "Django, Starlette, Spring, Go, multer", ordinary=True)
def _(text: str) -> Call:
    return _file(f"filename=\"a.txt\"; filename*=UTF-8''{q(_file_name(text))}")


@mutation("multipart", "filename* alone", "file name", "Django, Starlette, Spring, Go, multer")
def _(text: str) -> Call:
    return _file(f"filename*=UTF-8''{q(_file_name(text))}")


@mutation(
    "multipart",
    "filename in pieces (RFC 2231)",
    "file name",
    "Werkzeug, Django, Go, commons-fileupload",
    ordinary=False,
)
def _(text: str) -> Call:
    name = _file_name(text)
    pieces = "; ".join(
        f'filename*{number}*="{q(name[at : at + 8])}"' if number else f"filename*0*=UTF-8''{q(name[:8])}"
        for number, at in enumerate(range(0, max(1, len(name)), 8))
    )
    return _file(pieces)


@mutation(
    "multipart",
    "filename in pieces, not encoded",
    "file name",
    "Werkzeug, Django, Go, commons-fileupload",
    ordinary=False,
)
def _(text: str) -> Call:
    name = _file_name(text).replace("\\", "\\\\").replace('"', '\\"')
    half = len(name) // 2
    return _file(f'filename*0="{name[:half]}"; filename*1="{name[half:]}"')


@mutation(
    "multipart",
    "filename as an encoded word",
    "file name",
    "commons-fileupload, Python's email",
    ordinary=False,
)
def _(text: str) -> Call:
    return _file(f'filename="=?UTF-8?B?{b64(_file_name(text))}?="')


@mutation("multipart", "name*", "json key", "Werkzeug, Go", ordinary=False)
def _(text: str) -> Call:
    return multipart(
        part(
            "x", b"1", head=f"Content-Disposition: form-data; name=\"a\"; name*=UTF-8''{q(_file_name(text))}"
        )
    )


@mutation("multipart", "filename twice", "file name", "first or last, by server", ordinary=False)
def _(text: str) -> Call:
    name = _file_name(text).replace('"', "%22")
    return _file(f'filename="a.txt"; filename="{name}"')


@mutation("multipart", "filename without quotes", "file name", "PHP, Go, multer", ordinary=False)
def _(text: str) -> Call:
    return multipart(
        part(
            "file",
            b"hello",
            head="Content-Disposition: form-data; name=file; filename=" + re.sub(r"[\s;\"]", "_", text),
        )
    )


@mutation("multipart", "header in two lines", "file name", "commons-fileupload, Python, PHP", ordinary=False)
def _(text: str) -> Call:
    name = _file_name(text).replace('"', "%22")
    return multipart(
        part("file", b"hello", head=f'Content-Disposition: form-data; name="file";\r\n filename="{name}"')
    )


@mutation("multipart", "part without a body before", "multipart field", "Starlette, FastAPI", ordinary=False)
def _(text: str) -> Call:
    body = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\n'
    return post(
        raw(body + text) + f"\r\n--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"
    )


@mutation(
    "multipart",
    "field that looks like a file",
    "multipart field",
    "Go, which takes an empty file name for none",
    ordinary=False,
)
def _(text: str) -> Call:
    return _field('; filename=""', raw(text))


@mutation(
    "multipart",
    "transfer encoding Base64",
    "multipart field",
    "Django, Spring, Rails, commons-fileupload",
    ordinary=False,
)
def _(text: str) -> Call:
    return _field("\r\nContent-Transfer-Encoding: base64", base64.encodebytes(raw(text)))


@mutation(
    "multipart", "transfer encoding quoted-printable", "multipart field", "Go, Spring, Rails", ordinary=False
)
def _(text: str) -> Call:
    content = "".join(f"={byte:02X}" for byte in raw(text)).encode()
    return _field("\r\nContent-Transfer-Encoding: quoted-printable", content)


@mutation("multipart", "JSON part in \\u", "multipart field", "Spring's @RequestPart", escaped=True)
def _(text: str) -> Call:
    return multipart(part("data", f'{{"customer":"{u(text)}"}}'.encode(), kind=JSON))


@mutation("multipart", "LF for line ends", "multipart field", "Werkzeug, Python's email, PHP", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("city", raw(text).replace(b"\n", b" ")), line=b"\n")


@mutation("multipart", "no closing boundary", "multipart field", "PHP, busboy, Starlette", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("city", raw(text)), close=False)


@mutation("multipart", "charset UTF-16 of the part", "multipart field", "Django, Spring", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("city", text.encode("utf-16", "replace"), kind="text/plain; charset=utf-16"))


@mutation("multipart", "related", "json value", "Google's uploads, SOAP with attachments")
def _(text: str) -> Call:
    return multipart(
        part("", dumped({"customer": text}), head="Content-Type: application/json; charset=UTF-8"),
        part("", b"\x89PNG", head="Content-Type: image/png"),
        kind=f"multipart/related; boundary={BOUNDARY}",
    )


@mutation("multipart", "mixed", "json value", "OData batches, Google's batches")
def _(text: str) -> Call:
    return multipart(
        part("", dumped({"customer": text}), head="Content-Type: application/json"),
        kind=f"multipart/mixed; boundary={BOUNDARY}",
    )


@mutation("multipart", "mixed with HTTP requests in it", "json value", "OData batches, Google's batches")
def _(text: str) -> Call:
    inner = f'POST /v1/notes HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\n\r\n{{"customer":{json.dumps(text, ensure_ascii=False)}}}'
    return multipart(
        part("", raw(inner), head="Content-Type: application/http\r\nContent-Transfer-Encoding: binary"),
        kind=f"multipart/mixed; boundary={BOUNDARY}",
    )


@mutation(
    "multipart", "mixed in form-data", "multipart field", "commons-fileupload, busboy no", ordinary=False
)
def _(text: str) -> Call:
    inner = b'--in\r\nContent-Disposition: file; filename="a.txt"\r\n\r\n' + raw(text) + b"\r\n--in--"
    return multipart(part("files", inner, kind="multipart/mixed; boundary=in"))
