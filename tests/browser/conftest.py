"""One headless Chromium and two served estates for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from starfort.admin.cookies import SESSION as COOKIE
from tests.support.browser import Served, chromium, complaints, missing, prefer, served, visit
from tests.support.serve_estate import PASSWORDS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test here, and skip it where no browser is."""
    why = missing()
    for item in items:
        if "browser" not in Path(item.path).parent.name:
            continue
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.timeout(300))
        if why:
            item.add_marker(pytest.mark.skip(reason=why))


@dataclass
class Session:
    """Somebody who is logged in.

    Attributes:
        client: speaks HTTP for them.
        csrf: goes with writes of the API.
    """

    client: httpx.Client
    csrf: str

    @property
    def cookie(self) -> str:
        """The session's cookie."""
        return self.client.cookies[COOKIE]

    def write(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A write of the API."""
        return self.client.request(method, f"/api/v1{path}", json=body, headers={"x-csrf-token": self.csrf})


@dataclass
class Estate:
    """A served estate and who logged in there."""

    served: Served
    sessions: dict[str, Session] = field(default_factory=dict)

    def enter(self, name: str, password: str = "") -> Session:
        """A new session of somebody."""
        password = password or PASSWORDS.get(name) or self.served.password
        client = httpx.Client(base_url=self.served.origin, timeout=60)
        answer = client.post("/api/v1/sessions", json={"name": name, "password": password})
        assert answer.status_code == 201, answer.text
        return Session(client, answer.json()["csrf"])

    def session(self, name: str) -> Session:
        """The session of somebody, made when first asked for."""
        if name not in self.sessions:
            self.sessions[name] = self.enter(name)
        return self.sessions[name]


@dataclass
class Browser:
    """The browser and what tests do with it."""

    driver: object

    def become(self, estate: Estate, session: Session | None) -> None:
        """Take over somebody's session, or have none."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        if session is not None:
            cookie = {"name": COOKIE, "value": session.cookie, "url": estate.served.origin, "httpOnly": True}
            self.driver.execute_cdp_cmd("Network.setCookie", cookie | {"sameSite": "Strict"})

    def open(self, estate: Estate, path: str, name: str = "admin") -> None:
        """Open a page as somebody, once it is there and its socket is connected."""
        self.become(estate, estate.session(name))
        visit(self.driver, estate.served, path)

    def size(self, width: int, height: int = 900) -> None:
        """Make the window that large, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run(self, script: str) -> object:
        """What a script gives."""
        return self.driver.execute_script(f"return {script}")


def _serve(directory: Path, endpoints: int, *, hostile: bool) -> Iterator[Estate]:
    if why := missing():
        pytest.skip(why)
    with served(directory, endpoints, hostile=hostile) as there:
        estate = Estate(there)
        yield estate
        for session in estate.sessions.values():
            session.client.close()


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """Ten endpoints, with texts that attackers chose among what is shown."""
    yield from _serve(tmp_path_factory.mktemp("estate"), 10, hostile=True)


@pytest.fixture(scope="session")
def large_estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """Five thousand endpoints."""
    yield from _serve(tmp_path_factory.mktemp("large"), 5000, hostile=False)


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of all tests."""
    if why := missing():
        pytest.skip(why)
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield Browser(driver)


@pytest.fixture
def browser(one_browser: Browser) -> Iterator[Browser]:
    """The browser with nobody logged in, light, 1440 pixels wide, and nothing in its console."""
    one_browser.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    one_browser.size(1440)
    prefer(one_browser.driver, dark=False)
    complaints(one_browser.driver)
    yield one_browser
    one_browser.driver.get("about:blank")
