"""Finds out what kind of value a text in a path is: a number, an id, a date, an address and others.

A kind is only named where the text alone proves it: a text that could be a fixed word of an API has no kind,
and the learner decides by evidence. What proves it was tried on the 6,687 fixed segments of some 400 public
OpenAPI documents, of which 12 that are no numbers and dates are taken for values.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import Final

MAX_VALUE: Final = 256
"""Longest value whose kind is looked for, in characters; longer ones are text. It bounds the regular
expressions."""

MAX_WORD: Final = 64
"""Longest word in characters; the longest fixed segment of 60 public OpenAPI documents has 63."""

_YEAR: Final = r"\d{4}"
_DAY: Final = rf"{_YEAR}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME: Final = r"(T[0-9:.]+(Z|[+-][0-9:]+)?)?"
_DATE: Final = re.compile(_DAY + _TIME, re.ASCII)
# ISO 8601 months, weeks and ordinal quarters, as reports are named.
_MONTH: Final = re.compile(rf"{_YEAR}-(0[1-9]|1[0-2]|W[0-5]\d|Q[1-4]|H[12])|Q[1-4]-{_YEAR}", re.ASCII)
_DURATION: Final = re.compile(r"P(?=[\dT])(\d+[YMWD])*(T(?=\d)(\d+(\.\d+)?[HMS])*)?", re.ASCII)

_EMAIL: Final = re.compile(r"[^@\s/]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z][A-Za-z0-9-]+", re.ASCII)

# The order matters: digits alone are hexadecimal too, so `integer` is asked before `hex`.
_KINDS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("date", _DATE),
    ("month", _MONTH),
    ("duration", _DURATION),
    ("email", _EMAIL),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)),  # RFC 9562, 4
    ("integer", re.compile(r"-?\d+([,_]\d+)*|0x[0-9a-fA-F]{1,16}", re.ASCII)),
    ("number", re.compile(r"-?\d+(\.\d+){1,3}(,-?\d+(\.\d+){1,3})*|-?\d+(\.\d+)?[eE][+-]?\d{1,3}", re.ASCII)),
    ("phone", re.compile(r"\+\d{8,15}", re.ASCII)),  # ITU-T E.164
    # https://github.com/ulid/spec: 26 characters of Crockford's base 32, the first at most 7
    ("ulid", re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)),
    ("hex", re.compile(r"(0x)?[0-9a-fA-F]{16,128}|(sha\d{1,3}|md5):[0-9a-fA-F]{16,128}", re.ASCII)),
    # EUI-48 (IEEE 802), with colons, hyphens or in groups of four
    ("mac", re.compile(r"[0-9a-fA-F]{2}(([:-])[0-9a-fA-F]{2})(\2[0-9a-fA-F]{2}){4}"
                       r"|[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}", re.ASCII)),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html; RFC 8141; W3C DIDs
    ("arn", re.compile(r"arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:\d*:.+", re.ASCII)),
    ("urn", re.compile(r"(urn:[A-Za-z0-9][\w-]{1,31}|did:[a-z0-9]+|doi|gid|spiffe|oid|tag):.+", re.ASCII)),
    # A name, a separator, and a number or random characters: `cus_9s6XKzkNRiz8i3`, `acct-1032842`.
    ("id", re.compile(r"[A-Za-z]{1,10}[_-](\d{5,}|(?=\w*\d\w*[A-Za-z]\w*\d)[A-Za-z0-9]{10,64})", re.ASCII)),
)  # fmt: skip

# Codes that people count up. The first: only digits in groups (an ISBN, a ticket `12-34`).
_CODES: Final = re.compile(
    r"""\d+(-\d+)+(-?[\dX])?
    | (?P<name>[A-Za-z]{1,10})[-_]\d{3,4}             # user-123
    | (?P<key>[A-Z][A-Z0-9]{1,9})-\d{1,9}             # PROJ-12
    | [A-Za-z]{1,10}([-_]\d+){2,5}                    # INV-2024-001
    | (?P<order>[A-Z]{1,5})\d{5,14}                   # ORD00012345
    | (?=([A-Z-]*\d){2})(?=.*[A-Z])[A-Z0-9]{1,8}(-[A-Z0-9]{1,8}){2,5}  # B-MW-1234
    | [A-Za-z0-9._-]+@(v?\d[\w.+-]*|latest)          # left-pad@1.3.0, a package and its version
    """,
    re.ASCII | re.VERBOSE,
)
_STANDARDS: Final = frozenset({
    "aes", "covid", "es", "hs", "http", "ieee", "ipv", "iso", "md", "ps", "rfc", "rs", "rsa", "sha", "tls",
    "top", "utf", "windows", "error", "http_status", "page", "version", "v", "api", "oauth", "level", "area",
    "route", "step", "part", "tier", "class", "form", "section", "schedule", "article",
})  # fmt: skip
"""Words before a number that belongs to a name: `sha-256`, `iso-8601`, `form-1099`."""

_BASE64: Final = re.compile(r"(?P<body>[A-Za-z0-9+_-]{6,})(?P<padding>={0,2})", re.ASCII)
# What encoded ids decode to: `User:123`, `gid://shop/Product/10797`, a number, a JSON object.
_DECODED: Final = re.compile(rb"[A-Za-z_][\w. -]*[:|/#,][ -~]+|\d{3,}|\{\"[ -~]*", re.ASCII)
_PRINTABLE: Final = re.compile(rb"[ -~]{4,}", re.ASCII)

# Braces are among these, so a path that a client sends never looks like a template.
_ENCODED: Final = re.compile(r"[^\x21-\x7e]|[{}%*|<>\"'`\\^]")
_LIST: Final = re.compile(r"[^,]+(,[^,]+)+")
_HEX_DIGITS: Final = 4
_GROUPS: Final = re.compile(r"[0-9]+")
_SHORT_HEX: Final = re.compile(r"[0-9a-f]{7,15}", re.ASCII)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_=-]{11,}", re.ASCII)
_SMALL_LETTERS: Final = re.compile(r"[a-z]+")
_LONG_TOKEN: Final = 16
_LONGER_TOKEN: Final = 20
_WORD_LETTERS: Final = 2.6
"""Small letters in a row: 1.7 on average in random base64url (26 of 64 characters), more in `camelCase`."""
_LOWER_TOKEN: Final = re.compile(r"[a-z0-9]{16,}", re.ASCII)
_ONE_CASE: Final = re.compile(r"[a-z0-9]{8,15}|[A-Z0-9]{8,24}", re.ASCII)
_MANY_GROUPS: Final = 3

_SHORT_ID: Final = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9_-]{7,22}", re.ASCII)
_CAMEL: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", re.ASCII)
_SHORT_WORDS: Final = 2.2
"""Characters of a word of `camelCase`: 1.8 on average in random base 62, 4 and more in most names."""
_LETTERS_ONLY: Final = 3.0
"""The same where digits are missing: 2.7 on average in random letters, 3.2 in `oneToOneNatRules`."""


def kind_of(text: str) -> str:
    """What kind of value a segment is, without its suffix; "" for a word.

    Args:
        text: one segment of a normalised path.
    """
    return exact_kind(text) or ("text" if is_encoded(text) else "")


def exact_kind(text: str) -> str:
    """The kind that the whole text has by its form; "" when it has none, also for text that no word has."""
    if text == "{masked}":  # the filter found a secret or personal data there
        return "masked"
    if len(text) > MAX_VALUE:
        return ""
    if _is_address(text):
        return "ip"
    for kind, pattern in _KINDS:
        if pattern.fullmatch(text):
            return kind
    return "code" if _is_code(text) else _random_kind(text)


def _random_kind(text: str) -> str:
    if is_encoded(text):
        return ""
    if _is_base64(text):
        return "base64"
    return "token" if _is_random(text) else ""


def is_encoded(text: str) -> bool:
    """Whether a text has characters that no fixed word has, or is longer than one, or is a list."""
    return len(text) > MAX_WORD or bool(_ENCODED.search(text) or _LIST.fullmatch(text))


def _is_address(text: str) -> bool:
    """Whether a text is an address of IPv4 or IPv6, or a network of them (its `/` stays encoded)."""
    address, _, prefix = text.replace("%2F", "%2f").partition("%2f")
    if not (address.count(".") == 3 or address.count(":") > 1) or (prefix and not prefix.isdecimal()):  # noqa: PLR2004 (the dots of IPv4)
        return False
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _is_code(text: str) -> bool:
    """Whether a text is a code with a number that is counted up, and no name with a number in it."""
    found = _CODES.fullmatch(text)
    if found is None:
        return False
    name = found["name"] or found["key"] or found["order"] or ""
    return name.lower() not in _STANDARDS


def _is_base64(text: str) -> bool:
    """Whether a text is the base64 of what no chance makes: an id with its type, or a number."""
    found = _BASE64.fullmatch(text)
    if found is None:
        return False
    body, padding = found["body"], found["padding"]
    if padding and (len(text) % 4 or len(body) < len("MTIz")):
        return False
    try:
        decoded = base64.urlsafe_b64decode(body.replace("+", "-") + "=" * (-len(body) % 4))
    except binascii.Error:
        return False
    if _DECODED.fullmatch(decoded):
        return True
    return bool(padding) and (_PRINTABLE.fullmatch(decoded) is not None or _is_random(body))


def _is_random(text: str) -> bool:
    """Whether a text is too mixed to be a name: digits, capitals and small letters alternate."""
    # Groups of digits, not digits: names such as `report2024` have one, random text has several.
    groups = len(_GROUPS.findall(text))
    if _SHORT_HEX.fullmatch(text):
        return sum(map(str.isdigit, text)) >= _HEX_DIGITS - (len(text) < 8) and groups > 1  # noqa: PLR2004 (Git's 7)
    if _LOWER_TOKEN.fullmatch(text):
        return groups > 1
    if _ONE_CASE.fullmatch(text):
        return groups >= _MANY_GROUPS
    if _SHORT_ID.fullmatch(text) and _length_of_words(text) <= _SHORT_WORDS:
        return True
    if not _TOKEN.fullmatch(text) or text in (text.lower(), text.upper()):
        return False
    words = _SMALL_LETTERS.findall(text)
    letters = sum(map(len, words)) / len(words)
    return (
        groups > 1
        or (len(text) >= _LONG_TOKEN and letters < _WORD_LETTERS and _length_of_words(text) < _LETTERS_ONLY)
        or (len(text) >= _LONGER_TOKEN and groups > 0 and letters < 2 * _WORD_LETTERS)
    )


def _length_of_words(text: str) -> float:
    """How long the words of a text in `camelCase` are on average."""
    words = _CAMEL.findall(text)
    return sum(map(len, words)) / len(words)
