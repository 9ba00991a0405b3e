"""The addresses of every page of an estate."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starfort.dashboard.page import menu
from tests.browser.conftest import Estate

PLAIN = (
    *(page.path for page in menu()),
    "/catalogue?host=shop.example.com&prefix=/v1", "/clients?by=network", "/clients?by=subject",
    "/policies/only-documented", "/policies/stop-stuffing",
)  # fmt: skip
"""Every page of the menu, so that a new one is looked at without being named here, and some of their other sides."""

DETAILS = ("alert", "endpoint", "event", "signal")


def detail(estate: Estate, kind: str) -> str:
    """The address of one alert, endpoint, event or signal, of the hostile one where there is one."""
    client = estate.session("admin").client
    if kind == "alert":
        return f"/alerts/{client.get('/api/v1/alerts').json()['items'][0]['id']}"
    if kind == "endpoint":
        found = client.get("/api/v1/catalogue", params={"search": "export"}).json()["items"][0]
        return f"/catalogue/{found['id']}"
    if kind == "event":
        found = client.get("/api/v1/events", params={"path": "script"}).json()["items"]
        found = found or client.get("/api/v1/events").json()["items"]
        return f"/events/{quote(found[0]['id'], safe='')}"
    found = client.get("/api/v1/signals").json()["items"][-1]
    return f"/signals/one?{urlencode({name: found[name] for name in ('kind', 'key_type', 'key')})}"
