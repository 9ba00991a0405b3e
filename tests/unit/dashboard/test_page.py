"""Pages are found from their own modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from starfort import dashboard
from starfort.dashboard import page
from starfort.dashboard.pages import overview


def test_every_module_is_a_page() -> None:
    """A file in `dashboard/pages` is served, under an address of its own."""
    files = {path.stem for path in (Path(dashboard.__file__).parent / "pages").glob("[a-z]*.py")}
    found = page.pages()
    assert len(found) == len(files) > 10
    assert len({each.path for each in found}) == len(found)
    assert {each.build.__module__.rpartition(".")[2] for each in found} == files


def test_the_menu_is_in_order() -> None:
    """The overview comes first and the account last; each entry has a place of its own."""
    listed = page.menu()
    assert [listed[0].path, listed[-1].path] == ["/", "/account"]
    orders = [each.menu.order for each in listed if each.menu is not None]
    assert orders == sorted(set(orders))


def test_a_new_page_needs_no_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A module that appears in the folder is a page and in the menu; nothing else was touched."""
    (tmp_path / "fresh.py").write_text(
        "from starfort.dashboard.page import Menu, Page\n"
        "from starfort.dashboard.pages.overview import build\n"
        'PAGE = Page("/fresh", "Fresh", build, menu=Menu(15, "M0 0"))\n'
    )
    package = dashboard.pages  # type: ignore[attr-defined]  # imported with its first page
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    page.pages.cache_clear()
    page.menu.cache_clear()
    try:
        assert page.menu()[1].path == "/fresh"
        assert page.menu()[1].build is overview.build
    finally:
        monkeypatch.undo()
        page.pages.cache_clear()
        page.menu.cache_clear()
