"""Values that are percent-encoded twice, in full width, overlong, or HTML references."""

from __future__ import annotations

import json

from benchmarks.quality.clients import Call
from benchmarks.quality.mutations.forms import FORM, dumped, every, get, mutation, post, q, raw


@mutation(
    "spellings", "percent twice, query", "query", "proxies and frameworks that decode again", ordinary=True
)
def _(text: str) -> Call:
    return get(f"/v1/items?q={q(q(text))}")


@mutation("spellings", "percent twice, form", "form field", "proxies and frameworks that decode again")
def _(text: str) -> Call:
    return post(f"q={q(q(text))}".encode(), FORM)


@mutation("spellings", "percent in JSON", "json value", "whoever decodes it: URLs, redirects")
def _(text: str) -> Call:
    return post(dumped({"next": q(text)}))


@mutation("spellings", "every character percent-encoded", "query", "all")
def _(text: str) -> Call:
    return get("/v1/items?q=" + "".join(f"%{byte:02x}" for byte in raw(text)))


@mutation("spellings", "%u", "query", "IIS, classic ASP", ordinary=False)
def _(text: str) -> Call:
    return get("/v1/items?q=" + every(text, "%u{:04x}"))


@mutation("spellings", "full width", "query", "IIS best fit, NFKC in Python and Java")
def _(text: str) -> Call:
    return get("/v1/items?q=" + q(_wide(text)))


@mutation("spellings", "full width in JSON", "json value", "NFKC in Python and Java")
def _(text: str) -> Call:
    return post(dumped({"customer": _wide(text)}))


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@mutation("spellings", "overlong UTF-8 of two bytes", "query", "old Java, PHP's utf8_decode", ordinary=False)
def _(text: str) -> Call:
    return get(
        "/v1/items?q="
        + "".join(
            f"%{0xC0 | ord(c) >> 6:02x}%{0x80 | ord(c) & 0x3F:02x}" if c in "<>'\"/\\.;=()&|$" else q(c)
            for c in text
        )
    )


@mutation("spellings", "overlong UTF-8 of three bytes", "query", "old Java", ordinary=False)
def _(text: str) -> Call:
    return get(
        "/v1/items?q="
        + "".join(
            f"%e0%{0x80 | ord(c) >> 6:02x}%{0x80 | ord(c) & 0x3F:02x}" if c in "<>'\"/\\.;=()&|$" else q(c)
            for c in text
        )
    )


@mutation("spellings", "overlong UTF-8 in JSON", "json value", "old Java", ordinary=False)
def _(text: str) -> Call:
    body = b"".join(
        bytes([0xC0 | ord(c) >> 6, 0x80 | ord(c) & 0x3F])
        if c in "<>'/.;=()&|$"
        else raw(json.dumps(c, ensure_ascii=False)[1:-1])
        for c in text
    )
    return post(b'{"customer":"' + body + b'"}')


@mutation("spellings", "HTML references", "query", "templates, mail, rich text", markup=True)
def _(text: str) -> Call:
    return get("/v1/items?q=" + q("".join(f"&#{ord(c)};" if not c.isalnum() else c for c in text)))


@mutation("spellings", "blanks as +", "query", "all")
def _(text: str) -> Call:
    return get("/v1/items?q=" + q(text).replace("%20", "+"))


@mutation("spellings", "NUL in the middle", "query", "C strings, PHP of old", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?q=a%00{q(text)}")


@mutation("spellings", "; between parameters", "query", "Python and Go of old, Tornado", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?a=1;q={q(text)}")


@mutation("spellings", "as the name of a parameter", "query", "all", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?{q(text)}=1")


@mutation("spellings", "in brackets of a name", "query", "PHP, Rails, qs", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?filter%5B{q(text)}%5D=1")
