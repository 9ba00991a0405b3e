"""Values for schemas without examples: plausible ones by type, format and name, and the same ones in every run."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as pattern_parser  # type: ignore[attr-defined]
from typing import Any, Final

MAX_DEPTH: Final = 6
"""How deep objects are filled; what lies deeper is left out where it is optional."""

SENTENCES: Final = (
    "Please leave the parcel with the neighbour at no. 12 & ring twice.",
    'The customer asked: "can I update the order, or delete a line, from the app?"',
    "Don't forget to select a size from the list and insert the coupon before you check out.",
    "Meeting moved to 3 pm; agenda: budget, hiring (2 seats), and the new office.",
    "It's 20 % cheaper than last year's model - and lighter, too!",
    "Follow-up to ticket #4711: user can't log in with O'Brien's account.",
    "Größe paßt nicht, bitte gegen 42 tauschen. Vielen Dank!",
    "Livraison prévue l'après-midi; merci d'appeler avant.",
    "See https://www.example.com/help/returns?lang=en#how-to for details.",
    "Line one\nLine two\n\n* a list\n* of things",
)
WORDS: Final = (
    "standard",
    "blue",
    "primary",
    "north-west",
    "gift",
    "v2",
    "summer sale",
    "A/B test",
    "R&D",
    "50% off",
    "C++ course",
)
BY_NAME: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (r"method.?override", ("PATCH", "DELETE")),
    (r"e-?mail", ("anna.o'neil@example.com", "max+news@mail.example.org", "info@example.co.uk")),
    (r"(redirect|callback).*(url|uri|link)?s?$", ("https://app.example.com/callback?x=1", "http://localhost:3000/callback", "com.example.app:/oauth")),
    (r"(url|uri|link|href|website|webhook|endpoint)s?$", ("https://www.example.com/a/b?x=1&y=2", "https://hooks.example.org/in/T024/B7", "http://www.example.com/#top")),
    (r"(phone|mobile|tel|fax|msisdn)", ("+49 30 901820", "(555) 010-0199", "+442079460123")),
    (r"(first.?name|given)", ("Seán", "Anna-Lena", "D'Angelo")),
    (r"(last.?name|surname|family)", ("O'Brien", "Müller-Lüdenscheidt", "van der Berg")),
    (r"(company|organi[sz]ation|business|brand|vendor)", ("Johnson & Johnson", "AT&T", "Barnes & Noble, Inc.", "Yahoo! Inc.")),
    (r"(full.?name|display.?name|user.?name|login|author|owner)", ("Anna O'Neil", "jdoe_42", "李小龙")),
    (r"(city|town)", ("São Paulo", "Frankfurt (Oder)", "L'Aquila")),
    (r"(street|address)", ("12 St. John's Rd., Apt #4", "Straße des 17. Juni 135", "1600 Amphitheatre Pkwy")),
    (r"(zip|postal)", ("10115", "SW1A 1AA")),
    (r"country", ("DE", "GB", "US")),
    (r"(lang|locale)", ("en-US", "de", "zh-Hant-TW")),
    (r"currency", ("EUR", "USD")),
    (r"(colou?r)", ("#ff8800", "red")),
    (r"(sort|order.?by)", ("-created_at", "name asc", "created desc,id")),
    (r"(filter|query|search|^q$|where)", ("status eq 'open' and total gt 100", "name:anna*", "created>=2024-01-01", "red shoes", "type = 'user'")),
    (r"(fields|select|include|expand|columns)", ("id,name,items.sku", "*", "author,comments.author")),
    (r"(ip|cidr)(_?addr.*)?$", ("192.0.2.44", "2001:db8::1")),
    (r"(host|domain)", ("shop.example.com", "example.org")),
    (r"(path|file.?name|folder|directory|key)$", ("reports/2024/Q3 (final).pdf", "images/logo.png", "/home/anna/notes.txt")),
    (r"(mime|content.?type)", ("application/pdf", "image/png")),
    (r"(token|secret|api.?key|signature|nonce|hash|cursor)", ("eyJvZmZzZXQiOjIwfQ==", "4f1c9a7be0d24c7e8b0f6f1f2f3b4c5d")),
    (r"password", ("correct horse battery staple", "Tr0ub4dor&3", "p@ss'w0rd!")),
    (r"(template|html|body|content|markup)$", ("<p>Hello <b>Anna</b>,<br>your order is on its way.</p>", "Hi {{name}}, welcome!", "# Title\n\nSome *text* with `code`.")),
    (r"(description|comment|message|note|text|summary|reason|title|subject|details|bio|about)", SENTENCES),
    (r"(sql|statement|expression|formula|script|code|command)$", ("a > 5 && b < 3", "SUM(A1:A10)/2", "total * 1.19", "return x + 1;")),
    (r"(regex|pattern)$", (r"^[a-z0-9_-]{3,16}$", r"\d+(\.\d+)?")),
    (r"(version)", ("1.4.2", "v2")),
    (r"(time.?zone|tz)", ("Europe/Berlin", "America/New_York")),
    (r"(date|_at|time|since|until|before|after|from|to)$", ("2024-11-27T10:15:30Z", "2024-11-27", "2024-11-27T10:15:30+01:00")),
    (r"(uuid|guid)", ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6",)),
    (r"(id|ref|code|number|sku)$", ("12345", "A-1029", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "cus_NffrFeUfNV2Hib", "ORD/2024/11")),
)  # fmt: skip
"""What properties are called, and what stands in them."""

_BY_NAME: Final = tuple((re.compile(pattern, re.IGNORECASE), values) for pattern, values in BY_NAME)
FORMATS: Final[dict[str, tuple[str, ...]]] = {
    "date-time": ("2024-11-27T10:15:30Z", "2024-11-27T10:15:30.123+01:00"),
    "date": ("2024-11-27",),
    "time": ("10:15:30",),
    "uuid": ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6",),
    "email": ("anna.o'neil@example.com", "max+news@mail.example.org"),
    "uri": ("https://www.example.com/a/b?x=1&y=2",),
    "url": ("https://www.example.com/a/b?x=1&y=2",),
    "ipv4": ("192.0.2.44",),
    "ipv6": ("2001:db8::1",),
    "hostname": ("shop.example.com",),
    "password": ("correct horse battery staple", "Tr0ub4dor&3"),
    "duration": ("PT1H30M",),
    "binary": ("binary",),
}


def text(rng: random.Random, name: str, schema: dict[str, Any]) -> str:
    """A string for a property of this name."""
    wanted = str(schema.get("format"))
    if wanted == "byte":
        return base64.b64encode(rng.choice(SENTENCES).encode()).decode()
    if wanted in FORMATS:
        return rng.choice(FORMATS[wanted])
    if isinstance(schema.get("pattern"), str) and (made := of_pattern(rng, schema["pattern"])) is not None:
        return made
    chosen = next((values for pattern, values in _BY_NAME if pattern.search(name)), WORDS)
    value = rng.choice(chosen)
    limit = schema.get("maxLength")
    return value[:limit] if isinstance(limit, int) and limit > 0 else value


def of_pattern(rng: random.Random, pattern: str) -> str | None:
    """A string that matches a regular expression; `None` if that takes more than repeating and choosing."""
    try:
        made = "".join(_piece(rng, op, argument) for op, argument in pattern_parser.parse(pattern))
        return made if re.search(pattern, made) else None
    except (re.error, NotImplementedError, RecursionError, OverflowError):
        return None


def _piece(rng: random.Random, op: Any, argument: Any) -> str:
    made = _PIECES.get(op)
    if made is None:
        raise NotImplementedError
    return made(rng, argument)


def _repeated(rng: random.Random, argument: Any) -> str:
    least, most, inner = argument
    count = rng.randint(least, max(least, min(int(most), least + 8)))
    return "".join(_piece(rng, *each) for _ in range(min(count, 200)) for each in inner)


def _of_set(rng: random.Random, items: Any) -> str:
    first = items[0]
    if first[0] is codes.NEGATE:
        forbidden = re.compile("[" + "".join(map(_class_text, items[1:])) + "]")
        return rng.choice([each for each in "abcXYZ019 -_." if not forbidden.match(each)] or ["é"])
    # sets such as [\w.-] are mostly written for words
    wide = [each for each in items if each[0] is not codes.LITERAL]
    op, argument = rng.choice(wide if wide and rng.random() < 0.9 else items)
    if op is codes.LITERAL:
        return chr(argument)
    if op is codes.RANGE:
        return chr(rng.randint(argument[0], min(argument[1], argument[0] + 25)))
    if op is codes.CATEGORY:
        return {codes.CATEGORY_DIGIT: "7", codes.CATEGORY_WORD: "w", codes.CATEGORY_SPACE: " "}.get(
            argument, "x"
        )
    raise NotImplementedError


_PIECES: Final[dict[Any, Callable[[random.Random, Any], str]]] = {
    codes.LITERAL: lambda _, argument: chr(argument),
    codes.AT: lambda _, __: "",
    codes.ANY: lambda rng, _: rng.choice("abcxyz019"),
    codes.IN: _of_set,
    codes.SUBPATTERN: lambda rng, argument: "".join(_piece(rng, *each) for each in argument[-1]),
    codes.BRANCH: lambda rng, argument: "".join(_piece(rng, *each) for each in rng.choice(argument[1])),
    codes.MAX_REPEAT: _repeated,
    codes.MIN_REPEAT: _repeated,
}


def _class_text(item: Any) -> str:
    op, argument = item
    if op is codes.LITERAL:
        return re.escape(chr(argument))
    if op is codes.RANGE:
        return f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
    known = {
        codes.CATEGORY_DIGIT: r"\d", codes.CATEGORY_WORD: r"\w", codes.CATEGORY_SPACE: r"\s",
        codes.CATEGORY_NOT_DIGIT: r"\D", codes.CATEGORY_NOT_WORD: r"\W", codes.CATEGORY_NOT_SPACE: r"\S",
    }  # fmt: skip
    if op is codes.CATEGORY and argument in known:
        return known[argument]
    raise NotImplementedError


def number(rng: random.Random, schema: dict[str, Any]) -> int | float:
    """A number within the bounds of a schema."""
    least, most = schema.get("minimum"), schema.get("maximum")
    low = least if isinstance(least, int | float) else 0
    high = most if isinstance(most, int | float) and most >= low else low + rng.choice([1, 10, 250, 100_000])
    if schema.get("type") == "integer":
        return rng.randint(int(low), max(int(low), int(min(high, low + 10**9))))
    return round(rng.uniform(float(low), float(min(high, low + 10**9))), 2)
