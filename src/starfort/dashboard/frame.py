"""What every page has: the menu, a title, the range of time and the theme; and the parts of pages."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from fastapi import Request
from fastapi.responses import RedirectResponse
from markupsafe import Markup
from nicegui import ui
from starlette.responses import Response

from starfort.admin.desk import Desk
from starfort.admin.errors import AdminError, TooMuchError
from starfort.admin.window import RANGES
from starfort.dashboard.page import Page, menu
from starfort.dashboard.templates import Template
from starfort.dashboard.view import View

THEMES: Final[dict[str, bool | None]] = {"auto": None, "light": False, "dark": True}
THEME_NAMES: Final = {"auto": "◐ System", "light": "☀ Light", "dark": "☾ Dark"}
REFRESH_S = 10.0
"""How often a page that shows figures asks again."""

_DARK: Final = "html{background:#0c1118;color-scheme:dark}"
_LIGHT: Final = "html{background:#f4f6f9}"
_SYSTEM: Final = _LIGHT + "@media(prefers-color-scheme:dark){html{background:#0c1118}}"

part = Template("frame.html")


def serve(page: Page, desk: Desk) -> None:
    """Serve a page.

    Args:
        page: which page.
        desk: what answers.
    """

    async def show_page(request: Request) -> Response | None:
        # The gate lets nobody this far without a session; a mistake in it must not show a page.
        if getattr(request.state, "principal", None) is None:
            return RedirectResponse("/login", 303)
        view = View(desk, request, page.range)
        _head(view)
        with ui.element("div").classes("sf-app"):
            show(_side(view, page.path))
            with ui.element("main").classes("sf-main").props("id=main tabindex=-1"):
                await _build(page, view)
        return None

    # Twenty seconds: questions over thirty days of a busy installation take some (benchmarks/pages.py).
    ui.page(page.path, title=f"{page.title} · Starfort", favicon=None, response_timeout=20, language=None)(
        show_page
    )


async def _build(page: Page, view: View) -> None:
    """Fill the page, or say why it cannot be filled.

    Every page asks for its answers before it shows anything, so a failure never leaves half a page behind.
    """
    try:
        await page.build(view)
    except TooMuchError as error:
        title_bar(view, page.title)
        show(part("message", title="This is too much to show", text=error.detail))
    except AdminError as error:
        title_bar(view, "Not found", ranges=False)
        show(part("message", title="There is nothing here", text=error.detail))


def show(content: Markup, classes: str = "") -> ui.html:
    """Put HTML on the page.

    Raises:
        TypeError: it is text that nobody escaped.
    """
    if not isinstance(content, Markup):
        raise TypeError("only Markup goes on a page; a template makes it")
    # NiceGUI's sanitizer would parse everything again in the browser. Here every value is escaped already.
    return ui.html(str(content), sanitize=False).classes(classes)


def title_bar(
    view: View, title: str, *, crumbs: str = "", ranges: bool = True, title_class: str = ""
) -> None:
    """The page's title, with the range and the theme.

    Args:
        view: whose page it is.
        title: text, or what a template made.
        crumbs: the way to this page, above the title.
        ranges: whether the page looks back over a range.
        title_class: class of the title.
    """
    with ui.element("div").classes("sf-top"):
        show(part("title", text=title, crumbs=crumbs, **{"class": title_class}))
        if ranges:
            show(part("ranges", names=RANGES, chosen=view.range, path=view.path, parameters=view.query))
        _theme_button(view)


@contextmanager
def panel() -> Iterator[None]:
    """A box for parts of NiceGUI, such as fields of a form."""
    with ui.element("section").classes("panel"):
        yield


@contextmanager
def chart_panel(title: str, note: str = "", *, low: bool = False) -> Iterator[None]:
    """A box for a chart."""
    with ui.element("section").classes("panel chart-panel" + (" low" if low else "")):
        show(part("panel_head", title=title, note=note))
        yield


@contextmanager
def grid(kind: str) -> Iterator[None]:
    """Boxes side by side: `two`, `two-one`, `three` or `side-list`; "" puts them one below the other."""
    with ui.element("div").classes(f"grid {kind}"):
        yield


@contextmanager
def actions() -> Iterator[None]:
    """A row of buttons."""
    with ui.element("div").classes("actions"):
        yield


def refresh(view: View, again: Callable[[], Awaitable[None]]) -> None:
    """Ask again every `REFRESH_S` seconds while the session holds; then go to the login.

    Args:
        view: whose page it is.
        again: asks and shows the new figures.
    """

    async def tick() -> None:
        principal = view.desk.sessions.find_key(view.viewer.principal.session_key)
        if principal is None or principal.must_enrol:
            ui.navigate.to("/login")
            return
        # The ages on the page count from now on, not from when it was opened.
        view.viewer = view.viewer.later()
        # The figures shown stay when the new ones cannot be had.
        with suppress(TooMuchError):
            await again()

    ui.timer(REFRESH_S, tick, immediate=False)


def act(label: str, change: Callable[[], Awaitable[None]], *, main: bool = False) -> ui.button:
    """A button that changes something, and says so when it cannot.

    Args:
        label: what it does.
        change: does it.
        main: whether it is the page's main button.
    """

    async def click() -> None:
        try:
            await change()
        except (AdminError, PermissionError) as error:
            ui.notify(str(error), type="negative")

    # Without Quasar's colours and capitals: the style sheet has those of the dashboard.
    button = ui.button(label, on_click=click, color=None).props("flat no-caps")
    return button.classes("act main" if main else "act")


def _head(view: View) -> None:
    # The background comes before the style sheet and NiceGUI's scripts: a dark page must not flash white.
    early = {"dark": _DARK, "light": _LIGHT}.get(view.viewer.principal.theme, _SYSTEM)
    ui.add_head_html(f"<style>{early}</style>")
    ui.add_head_html(str(part("head")))


def _side(view: View, path: str) -> Markup:
    opened = view.insight.alerts_open()
    return part(
        "side",
        menu=menu(),
        # The page of one thing belongs to the entry of its list: /alerts/{alert_id} to /alerts.
        section="/" + path.split("/")[1],
        waiting=opened.get("critical", 0) + opened.get("high", 0),
        principal=view.viewer.principal,
        zone=view.viewer.zone_name,
    )


def _theme_button(view: View) -> None:
    names = list(THEMES)
    current = view.viewer.principal.theme if view.viewer.principal.theme in THEMES else "auto"
    mode = ui.dark_mode(THEMES[current])
    # The functions below change it, and a function cannot assign to a name of the one around it.
    state = {"name": current}

    def turn() -> None:
        # The page changes first: a theme that cannot be stored still holds while the page is open.
        state["name"] = names[(names.index(state["name"]) + 1) % len(names)]
        mode.set_value(THEMES[state["name"]])
        button.set_text(THEME_NAMES[state["name"]])
        try:
            view.desk.accounts.set_theme(view.viewer.principal.name, state["name"])
        except AdminError as error:
            ui.notify(error.detail, type="negative")

    button = ui.button(THEME_NAMES[current], on_click=turn, color=None).props("flat no-caps").classes("theme")
    button.props("aria-label='theme: system, light or dark'")
