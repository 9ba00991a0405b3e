"""Values of path parameters: typed as the document says, else as the parameter's name suggests."""

from __future__ import annotations

import base64
import functools
import itertools
import random
import re
import string
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from faker import Faker

from starfort.catalogue.words import dictionary

Make = Callable[[random.Random], str]

POOL_SIZES: Final = (30, 200, 1_000, 5_000)
"""How many different values a parameter has; one of these for each parameter."""

WORDS: Final = 3_000
"""Words of each style that values are drawn from."""

STAGES: Final = ("prod", "dev", "test", "eu", "us")
_ALPHANUMERIC: Final = string.ascii_letters + string.digits


def _digits(low: int, high: int) -> Make:
    return lambda chance: str(chance.randint(low, high))


def _letters(alphabet: str, length: int, prefix: str = "") -> Make:
    return lambda chance: prefix + "".join(chance.choices(alphabet, k=length))


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _relay(chance: random.Random) -> str:
    return base64.b64encode(f"User:{chance.randint(1, 99_999)}".encode()).decode()


IDS: Final[tuple[tuple[float, Make], ...]] = (
    (9, _digits(1, 10**6)),
    (3, _digits(10**11, 10**18)),
    (6, _uuid),
    (3, _letters("0123456789abcdef", 24)),
    (1, _letters("0123456789abcdef", 7)),
    (1, _letters(_ALPHANUMERIC + "_-", 21)),
    (1, _letters(_ALPHANUMERIC, 11)),
    (1, _letters(_ALPHANUMERIC, 22)),
    (1, _letters(_ALPHANUMERIC, 14, "cus_")),
    (1, lambda chance: f"user-{chance.randint(1, 9_999)}"),
    (1, lambda chance: f"INV-{chance.randint(2020, 2026)}-{chance.randint(1, 999):03}"),
    (1, lambda chance: f"{chance.choice(('PROJ', 'OPS', 'WEB'))}-{chance.randint(1, 2_000)}"),
    (1, _relay),
)
"""Styles of ids with their weights."""

_FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "country": ("US", "DE", "FR", "GB", "IN", "JP", "BR", "ES", "IT", "NL", "SE", "PL", "AU", "CA"),
    "currency": ("USD", "EUR", "GBP", "JPY", "CHF", "INR", "BRL", "SEK", "PLN", "AUD"),
    "lang": ("en", "de", "fr", "es", "it", "nl", "pt", "ja", "zh", "en-US", "pt-BR", "sv"),
    "locale": ("en-US", "de-DE", "fr-FR", "es-ES", "it-IT", "ja-JP", "pt-BR", "nl-NL"),
    "format": ("json", "xml", "csv"),
    "ext": ("json", "xml", "csv"),
}


@functools.cache
def _faker() -> Faker:
    made = Faker()
    made.seed_instance(1)
    return made


@functools.cache
def _of_apis() -> tuple[str, ...]:
    return tuple(sorted(dictionary()))


@functools.cache
def _styles() -> tuple[tuple[float, tuple[str, ...]], ...]:
    fake = _faker()
    makers: list[tuple[float, Callable[[], str]]] = [
        (3, fake.user_name),
        (3, fake.slug),
        (3, fake.word),
        (1, lambda: fake.first_name().lower()),
        (1, fake.first_name),
        (1, lambda: f"{fake.word()}-{fake.word()}"),
        (1, lambda: f"{fake.word()}_{fake.word()}"),
        (1, lambda: fake.city().lower().replace(" ", "-")),
        (1, fake.color_name),
        (
            1,
            lambda: f"{fake.word()}-{fake.random_element(STAGES)}-{fake.random_int(1, 9)}",
        ),
        (1, lambda: fake.word().upper()),
        (1, lambda: f"{fake.word()}-{fake.word()}-{fake.word()}-{fake.word()}"),
        (1, lambda: f"{fake.first_name().lower()}.{fake.last_name().lower()}"),
        (0.5, fake.last_name),
        (0.5, lambda: fake.company().lower().replace(" ", "-").replace(",", "")),
        (0.5, fake.domain_word),
        (0.5, lambda: fake.bothify("??##").upper()),
        (0.5, lambda: fake.lexify("?????")),
        (0.5, lambda: f"{fake.word()}-{fake.lexify('?????')}"),
        (0.5, lambda: fake.country().lower().replace(" ", "-")),
        # Users choose the words that APIs use, too.
        (2, lambda: fake.random_element(_of_apis())),
        (1, lambda: f"{fake.random_element(_of_apis())}-{fake.random_element(_of_apis())}"),
        (0.5, fake.domain_name),
        (0.5, lambda: f"{fake.word()}{fake.random_int(1, 99)}"),
        (0.5, lambda: fake.word().title() + fake.word().title()),
    ]
    return tuple((weight, tuple(make() for _ in range(WORDS))) for weight, make in makers)


def pool(name: str, schema: Mapping[str, Any], chance: random.Random) -> list[str]:
    """The values of one parameter.

    Args:
        name: as the document has it.
        schema: of the parameter.
        chance: decides style and values.
    """
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        found = [text for value in schema["enum"] if (text := _plain(value))]
        if found:
            return found
    fixed = next((_FIXED[key] for key in _FIXED if key in name.lower()), ())
    if fixed:
        return list(fixed)
    make = _maker(name.lower(), schema, chance)
    return list(dict.fromkeys(make(chance) for _ in range(chance.choice(POOL_SIZES))))


def _plain(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if re.fullmatch(r"[A-Za-z0-9._~:@$-]{1,64}", text) else ""


def _maker(name: str, schema: Mapping[str, Any], chance: random.Random) -> Make:  # noqa: PLR0911 (a line a kind)
    kind, form = schema.get("type"), str(schema.get("format", ""))
    if form in ("uuid", "guid") or "uuid" in name or "guid" in name:
        return _uuid
    if kind == "boolean":
        return lambda chance: chance.choice(("true", "false"))
    if kind in ("integer", "number"):
        return _digits(1, chance.choice((99, 99_999, 10**9)))
    if "date" in form or "date" in name:
        return lambda chance: (
            f"20{chance.randint(10, 26)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        )
    if "email" in name or form == "email":
        return lambda chance: f"{chance.choice(_styles()[3][1])}@example.com"
    if re.fullmatch(r"ip|ip_?addr(ess)?|.*ipv4", name) or form in ("ip", "ipv4"):
        return lambda chance: ".".join(str(chance.randint(1, 254)) for _ in range(4))
    if "version" in name:
        return lambda chance: f"{chance.randint(1, 9)}.{chance.randint(0, 20)}.{chance.randint(0, 9)}"
    if "year" in name:
        return _digits(2000, 2026)
    if re.search(r"(id|ids|key|token|hash|sha|number|no|num)$", name):
        return _pick(IDS, chance) if chance.random() < ID_SHARE else _words(chance)
    return _words(chance) if chance.random() < WORD_SHARE else _pick(IDS, chance)


ID_SHARE: Final = 0.9
"""How often a parameter that is called an id has ids and no words."""

WORD_SHARE: Final = 0.8
"""How often another text has words (names, slugs, codes) and no ids."""


def _pick(weighted: tuple[tuple[float, Make], ...], chance: random.Random) -> Make:
    return chance.choices([make for _, make in weighted], [weight for weight, _ in weighted])[0]


def _words(chance: random.Random) -> Make:
    styles = _styles()
    words = chance.choices([words for _, words in styles], [weight for weight, _ in styles])[0]
    return lambda chance: chance.choice(words)


class Zipf:
    """Draws from a list, the first most often: the weight of rank r is 1 / r ** exponent."""

    def __init__(self, size: int, exponent: float = 1.0) -> None:
        self._cumulated = list(itertools.accumulate(1 / rank**exponent for rank in range(1, size + 1)))

    def draw(self, chance: random.Random) -> int:
        """A position, from 0."""
        return chance.choices(range(len(self._cumulated)), cum_weights=self._cumulated)[0]
