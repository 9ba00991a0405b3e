"""Requests that YAML files of cases describe, for rules that run in process."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

HOST = "api.example.com"


def octets(text: str) -> bytes:
    """Text as UTF-8; one that has nothing but bytes (U+0000 to U+00FF, some of them high) as these bytes."""
    latin = all(ord(letter) < 256 for letter in text)
    return text.encode("latin-1") if latin and not text.isascii() else text.encode()


def request(case: Any) -> dict[str, Any]:
    """The request that a case stands for, as `RuleSet.inspect` takes it.

    Args:
        case: a mapping with any of method, path, headers, json, form, body, type, upload, boundary.
    """
    headers = {
        "Host": HOST,
        "User-Agent": "client/1",
        "Accept": "application/json",
        **case.get("headers", {}),
    }
    body = b""
    if "upload" in case:
        body, headers["Content-Type"] = _upload(case["upload"], case.get("boundary", "b0undary"))
    elif "json" in case:
        body, headers["Content-Type"] = (
            json.dumps(case["json"], ensure_ascii=False, default=str).encode(),
            "application/json",
        )
    elif "form" in case:
        body, headers["Content-Type"] = case["form"].encode(), "application/x-www-form-urlencoded"
    elif "body" in case:
        body = octets(case["body"])
        if case.get("type"):
            headers["Content-Type"] = case["type"]
    if body:
        headers["Content-Length"] = str(len(body))
    return {
        "method": case.get("method", "POST" if body else "GET"),
        "uri": urllib.parse.quote(case.get("path", "/"), safe="/?&=%:@!$'()*+,;[]{}|~^\"<>.`#_-\\"),
        "protocol": "HTTP/1.1",
        "headers": [(name, str(value).encode().decode("latin-1")) for name, value in headers.items()],
        "body": body,
        "remote_addr": "192.0.2.10",
    }


def _upload(file: dict[str, str], boundary: str) -> tuple[bytes, str]:
    """A form with a file and a field, and its content type."""
    line = boundary.strip('"')
    head = f'--{line}\r\nContent-Disposition: form-data; name="file"; filename="{file["filename"]}"\r\n'
    head += f"Content-Type: {file['type']}\r\n\r\n"
    tail = f'\r\n--{line}\r\nContent-Disposition: form-data; name="note"\r\n\r\nfirst\r\n--{line}--\r\n'
    return head.encode() + octets(
        file["content"]
    ) + tail.encode(), f"multipart/form-data; boundary={boundary}"


def variables(case: Any) -> dict[str, dict[str, str]]:
    """What the pipeline tells rules of where the request goes."""
    return {"tx": {"starfort_api": "app", "starfort_endpoint": case.get("endpoint", "")}}
