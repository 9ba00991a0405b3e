"""What a parser finds in HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Parsed:
    """Elements in order and all text.

    Attributes:
        elements: names and attributes.
        texts: parts of text.
    """

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text."""
        return "".join(self.texts)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Parsed()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.found.texts.append(data)


def parsed(markup: str) -> Parsed:
    """What is in a piece of HTML."""
    parser = _Parser()
    parser.feed(markup)
    parser.close()
    return parser.found
