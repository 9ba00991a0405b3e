"""What a page says of itself, and how pages are found.

A module of `dashboard/pages` with a `PAGE` is a page. Nothing else lists pages: the routes, the menu and the
browser tests follow from it.
"""

import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from starfort.admin.window import RangeName
from starfort.dashboard.view import View

Builder = Callable[[View], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Menu:
    """An entry of the menu at the side.

    Attributes:
        order: its place in the menu; pages leave gaps for others.
        icon: the path of a drawing of 24 by 24 units, as SVG has it.
        counts_alerts: whether the entry shows how many urgent alerts are open.
    """

    order: int
    icon: str
    counts_alerts: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        path: its address, with parameters as FastAPI writes them.
        title: title of the browser's window, and its name in the menu.
        build: fills the page for one viewer.
        range: how far back it looks when the address does not say.
        menu: its entry in the menu; none for the page of one thing.
    """

    path: str
    title: str
    build: Builder
    range: RangeName = "24h"
    menu: Menu | None = None


@cache
def pages() -> tuple[Page, ...]:
    """Every page.

    Raises:
        AttributeError: a module in `dashboard/pages` declares no page.
    """
    # Imported here, because the pages import this module.
    package = import_module("starfort.dashboard.pages")
    modules = [
        import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    return tuple(module.PAGE for module in modules)


@cache
def menu() -> tuple[Page, ...]:
    """The pages of the menu, in its order."""
    listed = [(page.menu.order, page) for page in pages() if page.menu is not None]
    return tuple(page for _, page in sorted(listed, key=lambda entry: entry[0]))
