"""Times in the viewer's zone, and addresses."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from starfort.admin.roles import Principal, Role
from starfort.dashboard.login import safe_target
from starfort.dashboard.viewer import Viewer, link, parse_zone, segment

NOW = datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC)
VIEWER = Viewer(
    Principal(name="vera", role=Role.VIEWER, via="session"), ZoneInfo("Europe/Berlin"), "Europe/Berlin", NOW
)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(0), "now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=59), "59 d ago"),
        (timedelta(days=400), "2025-02-22"),
        (timedelta(seconds=-5), "now"),
    ],
)
def test_ago(age: timedelta, text: str) -> None:
    """Ages are short; long ago is a date, and what a fast clock calls the future is now."""
    assert VIEWER.ago(NOW - age) == text


def test_times_are_the_viewers() -> None:
    """Summer time begins in the viewer's zone where it begins."""
    assert VIEWER.local(NOW) == "2026-03-29 01:59:30"
    assert VIEWER.local(NOW + timedelta(minutes=1)) == "2026-03-29 03:00:30"


def test_today_needs_no_date() -> None:
    """Today is the viewer's day, which began before that of UTC."""
    assert VIEWER.brief(NOW) == "01:59:30"
    assert VIEWER.brief(NOW - timedelta(hours=1, minutes=59)) == "00:00:30"
    assert VIEWER.brief(NOW - timedelta(hours=2)) == "28 Mar 23:59:30"


def test_the_zone_is_the_browsers() -> None:
    """The cookie has the zone as scripts quote it."""
    made = Viewer.of(VIEWER.principal, {"starfort_zone": "Europe%2FBerlin"})
    assert made.zone_name == "Europe/Berlin"


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "x" * 64, "Ü/Ü", "a\x00b"]
)
def test_no_zone_is_utc(name: str) -> None:
    """A zone that the cookie made up is UTC."""
    assert parse_zone(name) == (UTC, "UTC")


def test_link_keeps_filters_and_drops_empty_ones() -> None:
    """Changes win; what is empty is left out; values are quoted."""
    assert (
        link("/events", {"action": "block", "offset": 50}, offset=0, path="a&b")
        == "/events?action=block&path=a%26b"
    )
    assert link("/events", {"action": "block"}, action="") == "/events"


def test_segment_is_one_segment() -> None:
    """Slashes and markup in ids stay within their segment."""
    assert segment("a/b?<c>") == "a%2Fb%3F%3Cc%3E"


@pytest.mark.parametrize(
    "target",
    [
        "//elsewhere.example",
        "/\\elsewhere.example",
        "https://elsewhere.example/",
        "",
        "/login?next=/login",
        "/logout",
        "/a\nb",
    ],
)
def test_the_login_leads_nowhere_else(target: str) -> None:
    """After the login only pages of this site are gone to."""
    assert safe_target(target) == "/"


def test_the_login_leads_to_a_page() -> None:
    """Filters of the page are kept."""
    assert safe_target("/events?action=block&range=7d") == "/events?action=block&range=7d"
