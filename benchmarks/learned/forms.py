"""Benign posts of HTML forms of six pages, as people fill them in.

Each page has its own kinds of fields: names, addresses, numbers with check digits, choices, hidden fields,
dates, prose. Words come from lists of which a part is kept back: posts that are judged have values that were
never learned, as next week's customers do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final, TypeAlias

Draw: TypeAlias = Callable[["Person"], str]
"""Makes a field's value for someone."""


def _words() -> dict[str, list[str]]:
    """The lists of `words.txt`, by name."""
    found: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "words.txt").read_text().splitlines():
        if line.startswith("["):
            words = found[line.strip("[]")] = []
        else:
            words += line.split("|")
    return found


_WORDS: Final = _words()
_PROVINCES: Final = tuple(f"{number:02d}" for number in range(1, 53, 3))


@dataclass(slots=True)
class Person:
    """Someone who fills in forms.

    Attributes:
        random: draws.
        share: of each list, the part that may come: 0.7 while learning, 1 afterwards.
    """

    random: random.Random
    share: float

    def one(self, words: Sequence[str]) -> str:
        """One of a list, the first ones more often."""
        end = max(1, int(len(words) * self.share))
        return words[min(int(self.random.expovariate(4 / end)), end - 1)]

    def happens(self, share: float) -> bool:
        """Whether something happens that does in this share of cases."""
        return self.random.random() < share

    def digits(self, count: int) -> str:
        """So many digits."""
        return "".join(self.random.choices("0123456789", k=count))


def _name(person: Person) -> str:
    return person.one(_WORDS["first"]) + (f" {person.one(_WORDS['first'])}" if person.happens(0.25) else "")


def _surname(person: Person) -> str:
    return f"{person.one(_WORDS['last'])} {person.one(_WORDS['last'])}"


def _login(person: Person) -> str:
    plain = person.one(_WORDS["first"]).lower().encode("ascii", "ignore").decode().replace("-", "")
    return f"{plain or 'user'}{person.random.choice(['', '.', '_'])}{person.random.randrange(1, 2000)}"


def _email(person: Person) -> str:
    return f"{_login(person)}@{person.one(_WORDS['domains'])}"


def _password(person: Person) -> str:
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!$%&*+-_.#?"
    return "".join(person.random.choices(letters, k=person.random.randint(8, 20)))


def _dni(person: Person) -> str:
    number = person.random.randrange(10_000_000, 99_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def _address(person: Person) -> str:
    kind = person.random.choice(["C/", "Calle", "Avda.", "Plaza", "Pº"])
    rest = person.random.choice(["", ", 2º B", ", bajo", ", 3ª dcha.", " - esc. A, 4º"])
    return f"{kind} {person.one(_WORDS['streets'])} {person.random.randrange(1, 180)}{rest}"


def _card(person: Person) -> str:
    body = "4" + person.digits(14)
    total = sum(
        int(digit) if index % 2 else sum(divmod(int(digit) * 2, 10)) for index, digit in enumerate(body)
    )
    return body + str(-total % 10)


def _prose(person: Person) -> str:
    sentences = []
    for _ in range(person.random.randint(1, 6)):
        words = [person.one(_WORDS["words"]) for _ in range(person.random.randint(4, 16))]
        mark = person.random.choice([".", ".", ".", "!", "?"])
        if person.happens(0.08):
            words[1] = f'"{words[1]}"'
        elif person.happens(0.12):
            words[2] = person.random.choice(
                ["don't", "it's", "I'm", "(really)", "50%", "A&B", "10:30", "and/or"]
            )
        sentences.append(" ".join(words).capitalize() + mark)
    return " ".join(sentences)


def _date(person: Person) -> str:
    born = date(1930, 1, 1) + timedelta(days=person.random.randrange(28_000))
    return born.isoformat()


def _city(person: Person) -> str:
    return person.one(_WORDS["cities"])


def _title(person: Person) -> str:
    return " ".join(person.one(_WORDS["words"]) for _ in range(4))


def _thing(person: Person) -> str:
    return person.one(_WORDS["words"]).title()


def _phone(person: Person) -> str:
    return f"+34{person.digits(9)}"


def _company(person: Person) -> str:
    return f"{person.one(_WORDS['last'])} S.L."


def _order(person: Person) -> str:
    return f"INV-20{person.random.randrange(20, 25)}-{person.digits(6)}"


def _fixed(value: str) -> Draw:
    return lambda _: value


def _choice(*values: str) -> Draw:
    return lambda person: person.random.choice(values)


def _digits(count: int) -> Draw:
    return lambda person: person.digits(count)


def _number(low: int, high: int) -> Draw:
    return lambda person: str(person.random.randint(low, high))


def _sometimes(draw: Draw, share: float) -> Draw:
    return lambda person: draw(person) if person.happens(share) else ""


@dataclass(frozen=True, slots=True)
class Page:
    """A form.

    Attributes:
        path: where it is posted to.
        fields: what each holds, in the order of the page.
        optional: fields that are missing when they are not ticked.
        fixed: fields that nobody types: hidden ones and choices.
        free: fields in which people write.
    """

    path: str
    fields: Mapping[str, Draw]
    optional: frozenset[str] = field(default_factory=frozenset)
    fixed: frozenset[str] = field(default_factory=frozenset)
    free: frozenset[str] = field(default_factory=frozenset)

    def fill(self, person: Person) -> dict[str, str]:
        """A benign post."""
        left_out = {name for name in self.optional if person.happens(0.4)}
        return {name: draw(person) for name, draw in self.fields.items() if name not in left_out}


PAGES: Final = (
    Page(
        "/shop/register",
        {
            "mode": _fixed("register"),
            "login": _login,
            "password": _password,
            "name": _name,
            "surname": _surname,
            "email": _email,
            "dni": _dni,
            "address": _address,
            "city": _city,
            "postcode": _digits(5),
            "province": _choice(*_PROVINCES),
            "card": _card,
            "send": _fixed("Register"),
        },
        fixed=frozenset({"mode", "province", "send"}),
    ),
    Page(
        "/shop/cart",
        {
            "product": _number(1, 900),
            "name": _thing,
            "price": _number(1, 4000),
            "quantity": _number(1, 99),
            "add": _fixed("Add to cart"),
        },
        fixed=frozenset({"add"}),
    ),
    Page(
        "/login",
        {
            "mode": _fixed("enter"),
            "login": _login,
            "password": _password,
            "remember": _fixed("on"),
            "next": _choice("/", "/cart", "/account"),
        },
        optional=frozenset({"remember"}),
        fixed=frozenset({"mode", "remember", "next"}),
    ),
    Page(
        "/account/profile",
        {
            "gender": _choice("f", "m", "x", ""),
            "birthday": _date,
            "phone": _phone,
            "language": _choice("es", "ca", "eu", "gl", "en"),
            "currency": _choice("EUR", "USD", "GBP"),
            "newsletter": _fixed("1"),
            "company": _sometimes(_company, 0.2),
        },
        optional=frozenset({"newsletter"}),
        fixed=frozenset({"gender", "language", "currency", "newsletter"}),
    ),
    Page(
        "/contact",
        {
            "name": _name,
            "email": _email,
            "topic": _choice("order", "delivery", "returns", "other"),
            "order": _sometimes(_order, 0.6),
            "message": _prose,
        },
        fixed=frozenset({"topic"}),
        free=frozenset({"message"}),
    ),
    Page(
        "/reviews",
        {
            "product": _number(1, 900),
            "stars": _number(1, 5),
            "title": _title,
            "text": _prose,
            "page": _number(1, 40),
            "sort": _choice("new", "old", "best"),
        },
        fixed=frozenset({"stars", "sort"}),
        free=frozenset({"text", "title"}),
    ),
)
"""The forms."""
