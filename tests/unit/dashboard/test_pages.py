"""Every page, filled with what attackers write: it stays text, and every link leads to a page of this site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from nicegui import Client, ui
from nicegui.element import Element
from starlette.requests import Request

from starfort.admin import audit
from starfort.admin.accounts import Accounts
from starfort.admin.endpoints import EndpointView
from starfort.admin.mutes import Mutes
from starfort.admin.roles import Principal, Role
from starfort.admin.service import Insight
from starfort.admin.sessions import Sessions
from starfort.admin.tokens import Tokens
from starfort.admin.versions import ApiView
from starfort.dashboard.page import Page, pages
from starfort.dashboard.view import View
from tests.support.answers import Answers, filled
from tests.support.parsed import Parsed, parsed

PLAIN = "word"
HOSTILE = [
    "</script><script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=2>',
    "' onmouseover='window.pwned=3",
    "{{7*7}}{% raw %}{{constructor.constructor('window.pwned=4')()}}",
    "javascript:alert(5)",
    "//elsewhere.example/",
    "/\\elsewhere.example/",
]
OWN = re.compile(r"[/?#](?![/\\])|[?#]")


@dataclass
class Shown:
    """What a page put before the browser.

    Attributes:
        html: every piece of HTML, parsed.
        words: texts of NiceGUI's own elements, which Vue shows as text.
    """

    html: list[Parsed] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def structure(self) -> list[list[tuple[str, list[str]]]]:
        """The elements with the names of their attributes."""
        return [[(name, sorted(attributes)) for name, attributes in each.elements] for each in self.html]

    @property
    def text(self) -> str:
        """All text and all values of attributes that are no addresses."""
        parts = [each.text for each in self.html]
        for each in self.html:
            parts += [
                value
                for _, attributes in each.elements
                for name, value in attributes.items()
                if name not in ("href", "src", "action")
            ]
        return "\n".join([*parts, *self.words])

    @property
    def links(self) -> Iterator[str]:
        """Every address that the page leads to or loads."""
        for each in self.html:
            for _, attributes in each.elements:
                yield from (attributes[name] for name in ("href", "src", "action") if name in attributes)


def _collect(element: Element, shown: Shown) -> None:
    if isinstance(element, ui.html):
        shown.html.append(parsed(element.content))
    for slot in element.slots.values():
        for child in slot.children:
            _collect(child, shown)


def _view(page: Page, text: str) -> View:
    """One page before an administrator, where every answer is `text`."""
    path = re.sub(r"\{.*?\}", quote(text, safe=""), page.path)
    query = urlencode(dict.fromkeys(("kind", "key_type", "key", "search", "path", "host", "by", "api"), text))
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": [],
        "client": ("192.0.2.1", 1), "server": ("starfort.test", 80), "scheme": "http", "root_path": "",
    }  # fmt: skip
    request = Request(scope)
    request.state.principal = Principal(name=text, role=Role.ADMIN, via="session", session_key="k", csrf=text)
    desk: Any = SimpleNamespace(
        insight=Answers(
            Insight, text, endpoints=Answers(EndpointView, text), apis_known=Answers(ApiView, text)
        ),
        sessions=Answers(Sessions, text),
        tokens=Answers(Tokens, text),
        accounts=Answers(Accounts, text),
        mutes=Answers(Mutes, text),
        database=None,
    )
    return View(desk, request)


async def _shown(page: Page, text: str) -> Shown:
    shown = Shown()
    client = Client(ui.page("/hostile"), request=None)
    with client:
        await page.build(_view(page, text))
    _collect(client.layout, shown)
    client.delete()
    return shown


@pytest.fixture(autouse=True)
def _audit_log(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The audit log is a function of its own; it answers with the text of the test."""
    callspec = getattr(request.node, "callspec", None)
    text = callspec.params.get("text", PLAIN) if callspec else PLAIN
    entry = filled(audit.AuditRecord, text)
    monkeypatch.setattr(audit, "page", lambda *_: [entry])


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("page", pages(), ids=lambda page: page.path)
async def test_what_attackers_write_stays_text(page: Page, text: str) -> None:
    """A hostile text in every field makes no element and no attribute that a plain word does not make."""
    plain, hostile = await _shown(page, PLAIN), await _shown(page, text)
    assert hostile.structure == plain.structure
    assert text in hostile.text
    assert all(OWN.match(link) for link in hostile.links)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.path)
async def test_a_page_shows_what_it_is_told(page: Page) -> None:
    """Every page shows texts and rows of its answers: the test above is about more than empty lists."""
    shown = await _shown(page, PLAIN)
    assert shown.text.count(PLAIN) > 4
    assert sum(name in ("td", "dd", "li") for each in shown.html for name, _ in each.elements) > 4
