"""Base64 in its variants, and hexadecimal digits."""

from __future__ import annotations

import base64
import json

from benchmarks.quality.clients import Call, urlsafe
from benchmarks.quality.mutations.forms import FORM, b64, dumped, get, mutation, post, q, raw


@mutation("base64", "JSON value", "json value", "whoever decodes it: Kubernetes secrets, mail, messages")
def _(text: str) -> Call:
    return post(dumped({"data": b64(text)}))


@mutation("base64", "JSON value without padding", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return post(dumped({"data": b64(text).rstrip("=")}))


@mutation("base64", "JSON value, URL-safe", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return post(dumped({"data": urlsafe(raw(text))}))


@mutation("base64", "JSON value in lines of 76", "json value", "MIME decoders")
def _(text: str) -> Call:
    return post(dumped({"data": base64.encodebytes(raw(text + " " * 80)).decode()}))


@mutation("base64", "data: URL in JSON", "json value", "whoever decodes it: avatars")
def _(text: str) -> Call:
    return post(dumped({"avatar": "data:text/plain;base64," + b64(text)}))


@mutation("base64", "query", "query", "whoever decodes it: cursors, states")
def _(text: str) -> Call:
    return get(f"/v1/items?cursor={q(b64(text))}")


@mutation("base64", "query, URL-safe without padding", "query", "whoever decodes it")
def _(text: str) -> Call:
    return get(f"/v1/items?cursor={urlsafe(raw(text))}")


@mutation("base64", "form", "form field", "whoever decodes it: SAML, Mixpanel")
def _(text: str) -> Call:
    return post(f"data={q(b64(text))}".encode(), FORM)


@mutation("base64", "cookie", "cookie", "whoever decodes it: sessions")
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", f"prefs={q(b64(text))}"),))


@mutation("base64", "JSON in it, JSON value", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return post(dumped({"state": b64(json.dumps({"customer": text}))}))


@mutation("base64", "JSON in it, query", "query", "whoever decodes it: OAuth's state")
def _(text: str) -> Call:
    return get(f"/callback?state={urlsafe(json.dumps({'next': text}).encode())}")


@mutation("base64", "of Base64", "json value", "whoever decodes it", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"data": b64(b64(text))}))


@mutation("hex", "JSON value", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return post(dumped({"data": raw(text).hex()}))


@mutation("hex", "JSON value in upper case", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return post(dumped({"data": raw(text).hex().upper()}))


@mutation("hex", "JSON value behind 0x", "json value", "MySQL, Ethereum")
def _(text: str) -> Call:
    return post(dumped({"data": "0x" + raw(text).hex()}))


@mutation("hex", "query", "query", "whoever decodes it")
def _(text: str) -> Call:
    return get(f"/v1/items?data={raw(text).hex()}")
