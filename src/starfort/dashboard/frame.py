"""What every page has: navigation, title, range of time, theme, who looks at it."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import get_args

from fastapi import Request
from fastapi.responses import RedirectResponse
from markupsafe import Markup
from nicegui import ui
from starlette.responses import Response

from starfort.admin import cookies
from starfort.admin.audit import Actor
from starfort.admin.desk import Desk
from starfort.admin.errors import AdminError, TooMuchError
from starfort.admin.roles import Principal, Role
from starfort.admin.window import RANGES, RangeName
from starfort.dashboard import shapes
from starfort.dashboard.assets import ASSETS, asset
from starfort.dashboard.icons import icon
from starfort.dashboard.markup import Content, join, tag
from starfort.dashboard.viewer import Viewer, link

NAVIGATION = (
    ("/", "overview", "Overview"),
    ("/alerts", "alerts", "Alerts"),
    ("/catalogue", "catalogue", "Catalogue"),
    ("/findings", "findings", "Findings"),
    ("/events", "events", "Events"),
    ("/clients", "clients", "Clients"),
    ("/policies", "policies", "Policies"),
    ("/signals", "signals", "Signals"),
    ("/nodes", "nodes", "Nodes"),
    ("/account", "account", "Account"),
)
THEMES: dict[str, bool | None] = {"auto": None, "light": False, "dark": True}
THEME_NAMES = {"auto": "◐ System", "light": "☀ Light", "dark": "☾ Dark"}
PAGE_SIZE = 50
MAX_OFFSET = 1_000_000
REFRESH_S = 10.0
"""How often a page that shows figures asks again."""


class View:
    """One page in front of one viewer.

    Attributes:
        desk: what answers.
        viewer: who looks.
        query: the address's parameters, at most 32 of them.
        range: how far back the page looks.
    """

    def __init__(self, desk: Desk, request: Request, range_: RangeName = "24h") -> None:
        principal: Principal = request.state.principal
        self.desk = desk
        self.insight = desk.insight
        self.viewer = Viewer.of(principal, request.cookies)
        self.path = request.url.path
        self.query: dict[str, str] = dict(list(request.query_params.items())[:32])
        self.address = cookies.address_of(request)
        wanted = self.query.get("range", range_)
        self.range: RangeName = wanted if wanted in get_args(RangeName) else range_  # type: ignore[assignment]

    @property
    def offset(self) -> int:
        """Where in a list the page begins."""
        text = self.query.get("offset", "0")
        return min(int(text), MAX_OFFSET) if text.isascii() and text.isdigit() and len(text) < 9 else 0  # noqa: PLR2004

    def chosen(self, *names: str) -> dict[str, str]:
        """Those of the address's parameters that a filter knows, with the range."""
        return {name: self.query[name] for name in (*names, "range") if self.query.get(name)}

    def allowed(self, role: Role) -> bool:
        """Whether the viewer may do what a role may."""
        return self.viewer.principal.role.covers(role)

    def actor(self, role: Role) -> Actor:
        """Who makes a change now: the session is looked up again, since a page outlives its request.

        Raises:
            PermissionError: the session is over or the role does not suffice any more.
        """
        principal = self.desk.sessions.find_key(self.viewer.principal.session_key)
        if principal is None or principal.must_enrol or not principal.role.covers(role):
            raise PermissionError(f"this needs the role {role.value} and a session: log in again")
        return Actor(principal.name, self.address)


Builder = Callable[[View], Awaitable[None]]


def page(path: str, title: str, desk: Desk, build: Builder, range_: RangeName = "24h") -> None:
    """Serve a page.

    Args:
        path: where, as NiceGUI and FastAPI write it.
        title: of the browser's window.
        desk: what answers.
        build: fills the page.
        range_: how far back it looks when the address does not say.
    """

    async def show(request: Request) -> Response | None:
        if getattr(request.state, "principal", None) is None:
            return RedirectResponse("/login", 303)
        view = View(desk, request, range_)
        _head(view)
        with ui.element("div").classes("sf-app"):
            show_markup(_side(view, path))
            with ui.element("main").classes("sf-main").props("id=main tabindex=-1"):
                try:
                    await build(view)
                except TooMuchError as error:
                    title_bar(view, title)
                    show_markup(shapes.panel("", shapes.empty("This is too much to show", error.detail)))
                except AdminError as error:
                    title_bar(view, "Not here", ranges=False)
                    show_markup(shapes.panel("", shapes.empty("There is nothing here", error.detail)))
        return None

    ui.page(path, title=f"{title} · Starfort", favicon=None, response_timeout=20, language=None)(show)


def show_markup(content: Markup, classes: str = "") -> ui.html:
    """Put HTML on the page.

    Raises:
        TypeError: it is text that nobody escaped.
    """
    if not isinstance(content, Markup):
        raise TypeError("only Markup goes on a page; make it with markup.tag")
    return ui.html(str(content), sanitize=False).classes(classes)


def title_bar(
    view: View, title: Content, *, crumbs: Content = None, ranges: bool = True, title_class: str = ""
) -> None:
    """The page's title with range and theme."""
    with ui.element("div").classes("sf-top"):
        above = tag("div", crumbs, class_="crumbs") if crumbs else None
        show_markup(join(above, tag("h1", title, class_=title_class or None)))
        if ranges:
            show_markup(_ranges(view))
        _theme_button(view)


@contextmanager
def chart_panel(title: str, note: Content = None, *, low: bool = False) -> Iterator[None]:
    """A box for a chart."""
    with ui.element("section").classes("panel chart-panel" + (" low" if low else "")):
        show_markup(tag("header", tag("h2", title), tag("div", note, class_="note") if note else None))
        yield


@contextmanager
def grid(kind: str) -> Iterator[None]:
    """Boxes side by side: `two`, `two-one`, `three`, `side-list`."""
    with ui.element("div").classes(f"grid {kind}"):
        yield


def refresh(view: View, again: Callable[[], Awaitable[None]]) -> None:
    """Ask again now and then, as long as the session holds; then go to the login."""

    async def tick() -> None:
        principal = view.desk.sessions.find_key(view.viewer.principal.session_key)
        if principal is None or principal.must_enrol:
            ui.navigate.to("/login")
            return
        # what is shown stays when the figures of now cannot be had
        with suppress(TooMuchError):
            await again()

    ui.timer(REFRESH_S, tick, immediate=False)


def act(label: str, change: Callable[[], Awaitable[None]], *, main: bool = False) -> ui.button:
    """A button that changes something and says when it cannot."""

    async def click() -> None:
        try:
            await change()
        except (AdminError, PermissionError) as error:
            ui.notify(str(error), type="negative")

    button = ui.button(label, on_click=click, color=None).props("flat no-caps")
    return button.classes("act main" if main else "act")


def _head(view: View) -> None:
    dark = view.viewer.principal.theme
    early = {"dark": "html{background:#0c1118;color-scheme:dark}", "light": "html{background:#f4f6f9}"}.get(
        dark, "html{background:#f4f6f9}@media(prefers-color-scheme:dark){html{background:#0c1118}}"
    )
    ui.add_head_html(f"<style>{early}</style>")
    ui.add_head_html(f'<link rel="icon" href="{ASSETS}/icon.svg">')
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("starfort.css")}">')
    ui.add_head_html(f'<script src="{asset("viewer.js")}"></script>')


def _side(view: View, path: str) -> Markup:
    principal = view.viewer.principal
    waiting = sum(view.insight.alerts_open().get(name, 0) for name in ("critical", "high"))
    section = "/" + path.split("/")[1]
    links = [
        tag(
            "a",
            icon(name),
            label,
            tag("b", waiting, title="critical and high") if name == "alerts" and waiting else None,
            href=target,
            class_="on" if target == section else None,
            aria_current="page" if target == section else None,
        )
        for target, name, label in NAVIGATION
    ]
    out = tag(
        "form",
        tag("input", type="hidden", name="csrf", value=principal.csrf),
        tag("button", "Log out", type="submit"),
        method="post",
        action="/logout",
    )
    who = tag(
        "div",
        tag("div", tag("strong", principal.name), tag("span", principal.role.value, class_="muted")),
        tag("div", tag("span", f"Times in {view.viewer.zone_name}", class_="muted")),
        out,
        class_="who",
    )
    skip = tag("a", "Skip to content", href="#main", class_="skip")
    brand = tag("a", icon("fort"), "Starfort", href="/", class_="brand")
    return tag("aside", skip, brand, tag("nav", links, aria_label="pages"), who, class_="sf-side")


def _ranges(view: View) -> Markup:
    made = [
        tag(
            "a",
            name,
            href=link(view.path, view.query, range=name, offset="", before=""),
            class_="on" if name == view.range else None,
            aria_current="true" if name == view.range else None,
        )
        for name in RANGES
    ]
    return tag("nav", made, class_="ranges", aria_label="how far back")


def _theme_button(view: View) -> None:
    names = list(THEMES)
    current = view.viewer.principal.theme if view.viewer.principal.theme in THEMES else "auto"
    mode = ui.dark_mode(THEMES[current])
    state = {"name": current}

    def turn() -> None:
        state["name"] = names[(names.index(state["name"]) + 1) % len(names)]
        mode.set_value(THEMES[state["name"]])
        button.set_text(THEME_NAMES[state["name"]])
        try:
            view.desk.accounts.set_theme(view.viewer.principal.name, state["name"])
        except AdminError as error:
            ui.notify(error.detail, type="negative")

    button = ui.button(THEME_NAMES[current], on_click=turn, color=None).props("flat no-caps").classes("theme")
    button.props("aria-label='theme: system, light or dark'")
