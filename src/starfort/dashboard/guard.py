"""What a template may write where: values in attributes are quoted, links stay within this site.

Jinja escapes values, but it does not know where a value stands: an escaped `javascript:…` is still a
script in an `href`, and an escaped value without quotes still ends at the first blank. This extension reads
each template once, when it is compiled, and either wraps the value in a check or refuses the template. So
no author has to remember a filter.
"""

import re
from collections.abc import Iterator
from typing import Final

from jinja2 import TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

LINKS: Final = frozenset({"href", "src", "action"})
CHECK_OF_LINKS: Final = "own_address"
CHECK_OF_STYLES: Final = "whole_number"

_VALUE: Final = "\x00"
"""Stands for a value in the text that was read so far: no template contains this character."""
_ATTRIBUTE: Final = re.compile(r'([a-zA-Z-]+)="([^"]*)\Z')
_OWN_PAGE: Final = re.compile(r"/[a-z][a-z/-]*/\Z")
_OWN_IMAGE: Final = "data:image/png;base64,"
"""Whatever follows it, the browser shows an image or nothing (RFC 2397)."""
_CODE: Final = re.compile(r"<(/?)(?:script|style)\b")
_LINE_BREAK: Final = re.compile(r"(\A|>)?[ \t]*\n\s*(\Z|<)?")
_OWN_ADDRESS: Final = re.compile(r"[/?#](?![/\\])|[?#]")


def own_address(address: object) -> str:
    r"""An address that was found to lead to a place within this site.

    Args:
        address: a path, query or fragment.

    Raises:
        ValueError: it has a scheme or a host. Browsers read `//host` and `/\host` as hosts (WHATWG URL).
    """
    text = str(address)
    if not _OWN_ADDRESS.match(text):
        raise ValueError("a link must stay within this site")
    return text


def whole_number(value: object) -> int:
    """A value that was found to be a whole number: nothing else is written into a style.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, int):
        raise TypeError("a style takes whole numbers only")
    return value


class Guard(Extension):
    """Checks each template when it is compiled, and takes its line breaks out.

    Line breaks beside a tag or an expression only lay out the source: between inline elements a browser would
    show them as blanks. A blank that is meant stands within a line.
    """

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """The template's tokens, with the checks among them.

        Raises:
            TemplateSyntaxError: a value stands where no escaping makes it harmless.
        """
        before = _Before()
        # An expression cannot hold another one, so one flag tells whether its bracket is still open.
        wrapped = False
        for token in stream:
            if token.type == "data":
                text = _LINE_BREAK.sub(_without_break, token.value)
                before.add(text)
                yield Token(token.lineno, "data", text)
                continue
            if token.type == "variable_end":
                if wrapped:
                    yield Token(token.lineno, "rparen", ")")
                wrapped = False
                # Something stands in the attribute now: a second value would be joined to it unchecked.
                before.add(_VALUE)
            yield token
            if token.type == "variable_begin" and (check := before.check(token.lineno, stream.name)):
                wrapped = True
                yield Token(token.lineno, "name", check)
                yield Token(token.lineno, "lparen", "(")
            elif token.type == "block_begin" and stream.current.test("name:autoescape"):
                raise TemplateSyntaxError("escaping is never switched off", token.lineno, stream.name)


class _Before:
    """What stands before a value: an open tag, a script or style, or text."""

    def __init__(self) -> None:
        self._text = ""
        self._code = False

    def add(self, text: str) -> None:
        """Read on."""
        for found in _CODE.finditer(text):
            self._code = not found[1]
        self._text += text
        # Only the last tag matters: without this a long template would be searched again for each value.
        self._text = self._text[max(0, self._text.rfind("<")) :]

    def check(self, line: int, name: str | None) -> str:
        """The check that a value needs here; "" when escaping is enough.

        Raises:
            TemplateSyntaxError: nothing makes a value harmless here.
        """
        if not self._text.startswith("<") or ">" in self._text:
            if self._code:
                raise TemplateSyntaxError("no value stands within a script or style", line, name)
            return ""
        found = _ATTRIBUTE.search(self._text)
        if found is None:
            raise TemplateSyntaxError("a value within a tag stands in a quoted attribute", line, name)
        attribute, written = found[1].lower(), found[2]
        if attribute.startswith("on"):
            raise TemplateSyntaxError("no value stands in a handler", line, name)
        if attribute == "style":
            return CHECK_OF_STYLES
        if attribute in LINKS and not _OWN_PAGE.match(written):
            if attribute == "src" and written == _OWN_IMAGE:
                return ""
            if written:
                raise TemplateSyntaxError("a link is one value, or begins with a page's path", line, name)
            return CHECK_OF_LINKS
        return ""


def _without_break(found: re.Match[str]) -> str:
    if found[1] is None and found[2] is None:
        return " "
    return f"{found[1] or ''}{found[2] or ''}"
