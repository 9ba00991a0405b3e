"""Anomalies of form posts, by kind: attacks in a field, and tampering with fields."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from benchmarks.learned.forms import Page

Anomaly: TypeAlias = Callable[[Page, dict[str, str], random.Random], None]
"""Changes a benign post into one that is not."""

PAYLOADS: Final[Mapping[str, tuple[str, ...]]] = {
    "sql": (
        "' OR '1'='1", "1' AND 1=1 --", "admin'--", "'; DROP TABLE users; --", "') OR ('a'='a",
        "1 UNION SELECT null,version()", "' UNION ALL SELECT login,password FROM users#", "x' AND SLEEP(5)='",
        "1;EXEC xp_cmdshell('dir')",
        "0 or 1=1", "' HAVING 1=1--", "1' ORDER BY 10--+", '" or ""="', "1 AND (SELECT 1 FROM dual)=1",
    ),
    "script": (
        "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(document.cookie)",
        "<svg/onload=alert`1`>", "'-alert(1)-'", "<iframe src=//evil.example>", "<body onload=alert(1)>",
        "%3Cscript%3Ealert(1)%3C/script%3E", "<a href='x' onclick=go()>x</a>",
    ),
    "overflow": ("A" * 400, "9" * 300, "%41" * 200, "\x90" * 256, "A" * 5000),
    "crlf": (
        "x\r\nSet-Cookie: admin=1", "en\r\n\r\n<html>owned</html>", "1\nLocation: //evil.example", "a\rb",
        "name\r\nBcc: all@example.com",
    ),
    "format": ("%s%s%s%s%n", "%x.%x.%x.%x", "%p%p%p", "{0}{1}{2}", "%1$*d"),
    "ldap": ("*)(uid=*))(|(uid=*", "admin)(&)", "*)(|(objectClass=*", "x*)(cn=*"),
    "ssi": ('<!--#exec cmd="ls" -->', '<!--#include virtual="/etc/passwd" -->', '<!--#echo var="DATE"-->'),
    "xpath": ("' or count(/*)=1 or 'a'='b", "x' or name()='user' or 'x'='y", "'] | //user/*[1='1"),
    "path": ("../../../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd%00", "file:///etc/hosts"),
    "command": ("; cat /etc/passwd", "| id", "`whoami`", "$(sleep 5)", "&& ping -c 3 evil.example"),
}  # fmt: skip


def _typed(page: Page, post: Mapping[str, str], draw: random.Random) -> str:
    return draw.choice(sorted(set(post) - page.fixed))


def _payload(kind: str) -> Anomaly:
    def change(_: Page, post: dict[str, str], draw: random.Random) -> None:
        name = draw.choice(sorted(post))
        payload = draw.choice(PAYLOADS[kind])
        follows = draw.choice([True, False]) and kind != "overflow"
        post[name] = post[name] + payload if follows else payload

    return change


def _missing(page: Page, post: dict[str, str], draw: random.Random) -> None:
    del post[draw.choice(sorted(set(post) - page.optional))]


def _unknown(_: Page, post: dict[str, str], draw: random.Random) -> None:
    names = ["admin", "isAdmin", "debug", "role", "price2", "discount", "id_user", "cmd", "file", "_method"]
    post[draw.choice(names)] = draw.choice(["1", "true", "admin", "0", "x"])


def _renamed(page: Page, post: dict[str, str], draw: random.Random) -> None:
    name = draw.choice(sorted(set(post) - page.optional))
    post[name[:-1] + draw.choice("xz0")] = post.pop(name)


def _tampered(page: Page, post: dict[str, str], draw: random.Random) -> None:
    name = draw.choice(sorted(set(post) & page.fixed))
    post[name] = draw.choice(["admin", "delete", "99", "-1", "true", "root", "XX", "", post[name] + "1"])


def _too_long(page: Page, post: dict[str, str], draw: random.Random) -> None:
    name = draw.choice(sorted(set(post) - page.fixed - page.free))
    post[name] = (post[name] or "a") * draw.randint(4, 9)


def _too_short(page: Page, post: dict[str, str], draw: random.Random) -> None:
    # Of a field whose length is one, or that nobody leaves empty.
    name = draw.choice(sorted(set(post) - page.fixed - {"company", "order"}))
    post[name] = post[name][: draw.randint(0, max(0, len(post[name]) // 4 - 1))] if name in _LONG else ""


_LONG: Final = frozenset({"dni", "postcode", "card", "phone", "birthday"})


def _wrong_characters(page: Page, post: dict[str, str], draw: random.Random) -> None:
    name = _typed(page, post, draw)
    value = post[name] or "a"
    at = draw.randrange(len(value))
    strange = "<>^`|~{}\\" if name in page.free or "pass" in name else "$%^*=<>|~{}[];!"
    post[name] = value[:at] + "".join(draw.choices(strange, k=draw.randint(1, 4))) + value[at + 1 :]


_WRONG: Final = {
    "postcode": "ABCDE", "card": "four five six sev", "phone": "no phone", "birthday": "yesterday",
    "quantity": "many", "price": "free", "product": "shirt", "page": "last", "stars": "five", "dni": "none",
    "email": "nobody", "name": "1234567", "surname": "9 8 7", "city": "28001", "login": "   ",
}  # fmt: skip
"""A value of another type for each field."""


def _wrong_type(page: Page, post: dict[str, str], draw: random.Random) -> None:
    name = draw.choice(sorted(set(post) & _WRONG.keys()) or [_typed(page, post, draw)])
    post[name] = _WRONG.get(name, "\x01\x02")


KINDS: Final[Mapping[str, Anomaly]] = {
    **{kind: _payload(kind) for kind in PAYLOADS},
    "missing": _missing,
    "unknown": _unknown,
    "renamed": _renamed,
    "tampered": _tampered,
    "too_long": _too_long,
    "too_short": _too_short,
    "wrong_characters": _wrong_characters,
    "wrong_type": _wrong_type,
}
"""How each kind of anomaly is made."""


def spoil(kind: str, page: Page, post: Mapping[str, str], draw: random.Random) -> dict[str, str]:
    """A copy of a benign post with one anomaly that really differs from it."""
    for _ in range(20):
        spoiled = dict(post)
        KINDS[kind](page, spoiled, draw)
        if spoiled != post:
            return spoiled
    return {**post, "cmd": "1"}
