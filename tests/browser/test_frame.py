"""Every page, with few and with many endpoints, dark and light, on wide and narrow screens."""

from __future__ import annotations

import contextlib

import pytest
from selenium.common.exceptions import TimeoutException

from tests.browser.addresses import DETAILS, PLAIN, detail
from tests.browser.conftest import Browser, Estate
from tests.support.browser import complaints, prefer, text, wait

WIDTHS = (1440, 1000, 600)
DARKEST = 60
LIGHTEST = 200
OVERFLOWING = """(() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide <= 0) return [];
  const found = [...document.querySelectorAll('main *')].filter(e =>
    e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll'));
  return [wide + ' px too wide', ...found.slice(0, 5).map(e => e.tagName + '.' + e.className)];
})()"""
CUT = """[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1)
  .map(e => e.querySelector('table').getAttribute('aria-label') + ' ' + (e.scrollWidth - e.clientWidth))"""
LIGHTNESS = """(() => {
  const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number);
  return (r + g + b) / 3;
})()"""


def _check(browser: Browser, path: str) -> None:
    """Look at the open page in every width and both themes."""
    for dark in (False, True):
        prefer(browser.driver, dark=dark)
        wait(browser.driver, f"document.body.classList.contains('body--dark') === {str(dark).lower()}")
        lightness = browser.run(LIGHTNESS)
        assert lightness < DARKEST if dark else lightness > LIGHTEST, (path, dark, lightness)
        for width in WIDTHS:
            browser.size(width)
            # Charts follow a new width when the browser tells them, a moment later.
            with contextlib.suppress(TimeoutException):
                wait(browser.driver, f"({OVERFLOWING}).length === 0")
            assert browser.run(OVERFLOWING) == [], (path, width)
            if width == max(WIDTHS):
                assert browser.run(CUT) == [], (path, width)
    assert browser.run("document.querySelectorAll('h1').length") == 1, path
    assert "Internal Server Error" not in text(browser.driver), path
    assert complaints(browser.driver) == [], path
    assert browser.run("window.pwned === undefined"), path


@pytest.mark.parametrize("path", PLAIN)
def test_page(estate: Estate, browser: Browser, path: str) -> None:
    """A page shows without errors, fits, follows the theme, and runs nothing that attackers wrote."""
    browser.open(estate, path)
    _check(browser, path)


@pytest.mark.parametrize("kind", DETAILS)
def test_detail(estate: Estate, browser: Browser, kind: str) -> None:
    """So does the page of one thing."""
    path = detail(estate, kind)
    browser.open(estate, path)
    _check(browser, path)


@pytest.mark.parametrize("path", PLAIN)
def test_page_of_a_large_estate(large_estate: Estate, browser: Browser, path: str) -> None:
    """So does a page where there are thousands of endpoints."""
    browser.open(large_estate, path)
    _check(browser, path)


@pytest.mark.parametrize(
    "path", ["/catalogue/no-such-endpoint", "/alerts/x", "/events/x", "/policies/x", "/signals/one"]
)
def test_what_is_not_there(estate: Estate, browser: Browser, path: str) -> None:
    """The page of a thing that does not exist says so."""
    browser.open(estate, path)
    assert "There is nothing here" in text(browser.driver)
    _check(browser, path)


def test_no_policies_of_many(large_estate: Estate, browser: Browser) -> None:
    """A list of thousands comes in pages of fifty."""
    browser.open(large_estate, "/catalogue?offset=100")
    assert "101 to 150 of" in text(browser.driver)
    assert browser.run("document.querySelectorAll('table[aria-label=endpoints] tbody tr').length") == 50
