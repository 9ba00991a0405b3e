"""Logging in and out, and that nobody sees anything without a session."""

from __future__ import annotations

import httpx
import pytest
from selenium.webdriver.common.by import By
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from starfort.admin.cookies import SESSION as COOKIE
from tests.browser.addresses import PLAIN
from tests.browser.conftest import Browser, Estate
from tests.support.browser import log_in, text, visit, wait

SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"


def test_log_in_and_out(estate: Estate, browser: Browser) -> None:
    """The form lets in who knows the password; logging out ends the session on the server too."""
    driver = browser.driver
    log_in(driver, estate.served)
    assert "Overview" in text(driver)
    assert "Times in Europe/Berlin" in text(driver)
    cookie = driver.get_cookie(COOKIE)
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    driver.find_element(By.CSS_SELECTOR, ".who button").click()
    wait(driver, "location.pathname === '/login'")
    answer = httpx.get(f"{estate.served.origin}/", cookies={COOKIE: cookie["value"]})
    assert answer.headers["location"].startswith("/login")


def test_a_wrong_password_is_refused(estate: Estate, browser: Browser) -> None:
    """The form says that it was wrong, keeps the name and gives no session."""
    driver = browser.driver
    driver.get(f"{estate.served.origin}/login")
    driver.find_element(By.ID, "name").send_keys("vera")
    driver.find_element(By.ID, "password").send_keys("not her password")
    driver.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait(driver, "document.querySelector('.error') !== null")
    assert driver.find_element(By.ID, "name").get_attribute("value") == "vera"
    assert driver.find_element(By.ID, "password").get_attribute("value") == ""
    assert driver.get_cookie(COOKIE) is None


def test_the_login_leads_to_where_one_wanted_to_go(estate: Estate, browser: Browser) -> None:
    """The page that was asked for is shown after the login, with its filters."""
    driver = browser.driver
    driver.get(f"{estate.served.origin}/events?action=block&range=7d")
    wait(driver, "location.pathname === '/login'")
    driver.find_element(By.ID, "name").send_keys("admin")
    driver.find_element(By.ID, "password").send_keys(estate.served.password)
    driver.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait(driver, "location.pathname === '/events'")
    assert browser.run("location.search") == "?action=block&range=7d"


@pytest.mark.parametrize("cookie", ["", "made up", "0" * 64])
def test_no_page_without_a_session(estate: Estate, cookie: str) -> None:
    """Every page sends whoever has no session to the login and shows nothing."""
    cookies = {COOKIE: cookie} if cookie else {}
    with httpx.Client(base_url=estate.served.origin, cookies=cookies) as client:
        for path in (*PLAIN, "/alerts/x", "/catalogue/x", "/events/x", "/signals/one", "/no-such-page"):
            answer = client.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/login?next="), path
            assert answer.text == "", path
        for path in ("/_nicegui/x", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
            assert client.get(path).status_code == 401, path


@pytest.mark.parametrize("cookie", ["", "made up"])
def test_no_web_socket_without_a_session(estate: Estate, cookie: str) -> None:
    """The WebSocket over which pages are told everything is refused."""
    headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
    address = estate.served.origin.replace("http", "ws") + SOCKET
    with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers=headers):
        pass
    assert refused.value.response.status_code == 403


def test_a_web_socket_from_another_site_is_refused(estate: Estate) -> None:
    """A session's cookie does not help a page of another origin."""
    headers = {"Cookie": f"{COOKIE}={estate.session('vera').cookie}"}
    address = estate.served.origin.replace("http", "ws") + SOCKET
    with connect(address, additional_headers=headers) as let_in:
        assert let_in.recv(20)
    elsewhere = "https://elsewhere.example"
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address, additional_headers=headers, origin=elsewhere),
    ):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", ["/login", "/"])
def test_security_headers(estate: Estate, path: str) -> None:
    """Pages may load from here only, are framed by nobody and kept by no cache."""
    cookies = {COOKIE: estate.session("admin").cookie} if path == "/" else {}
    headers = httpx.get(estate.served.origin + path, cookies=cookies).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] in ("'self'", "'none'")
    assert policy["frame-ancestors"] == "'none'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


def test_a_page_leaves_when_its_session_ends(estate: Estate, browser: Browser) -> None:
    """An open page goes to the login soon after the session was ended elsewhere."""
    session = estate.enter("vera")
    browser.become(estate, session)
    visit(browser.driver, estate.served, "/")
    assert session.write("DELETE", "/sessions/current").status_code == 204
    wait(browser.driver, "location.pathname === '/login'")
    session.client.close()
