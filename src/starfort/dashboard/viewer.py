"""Who looks at a page: times in the viewer's zone, and links that keep the viewer's filters."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Final
from urllib.parse import quote, unquote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starfort.admin.roles import Principal

ZONE_COOKIE: Final = "starfort_zone"
_AGES: Final = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (86_400 * 60, 86_400, "d"))


@dataclass(frozen=True)
class Viewer:
    """One person in front of one page.

    Attributes:
        principal: the account.
        zone: the person's time zone.
        zone_name: its name.
        now: when the page was asked for: all ages on it count from this moment.
    """

    principal: Principal
    zone: tzinfo
    zone_name: str
    now: datetime

    @classmethod
    def of(cls, principal: Principal, cookies: Mapping[str, str]) -> "Viewer":
        """The viewer of a request.

        No header names the zone, so `static/viewer.js` sets a cookie. Without it the zone is UTC.
        """
        zone, name = parse_zone(unquote(cookies.get(ZONE_COOKIE, "")))
        return cls(principal, zone, name, datetime.now(UTC))

    def later(self) -> "Viewer":
        """The same viewer now."""
        return replace(self, now=datetime.now(UTC))

    def ago(self, time: datetime) -> str:
        """How long ago a time is; its date after 60 days."""
        seconds = max(0, int((self.now - time).total_seconds()))
        if seconds < 1:
            # A caller's or a node's clock may be ahead of this one.
            return "now"
        for below, unit, name in _AGES:
            if seconds < below:
                return f"{seconds // unit} {name} ago"
        return self.local(time)[:10]

    def brief(self, time: datetime) -> str:
        """A time in the viewer's zone, without the date when it is today."""
        # "Today" is the viewer's, whose day may have begun before or after the day in UTC.
        local = time.astimezone(self.zone)
        today = local.date() == self.now.astimezone(self.zone).date()
        return local.strftime("%H:%M:%S" if today else "%d %b %H:%M:%S")

    def until(self, time: datetime) -> str:
        """How long it is until a time."""
        seconds = max(0, int((time - self.now).total_seconds()))
        return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60:02d} s"  # noqa: PLR2004

    def local(self, time: datetime) -> str:
        """A time in the viewer's zone as text."""
        return time.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def label(self, time: datetime, step_s: int) -> str:
        """A time as a chart's axis shows it."""
        # No finer than the steps: seconds under a chart of a month only take room.
        form = "%H:%M:%S" if step_s < 60 else "%H:%M" if step_s < 7200 else "%d %b %H:%M"  # noqa: PLR2004
        return time.astimezone(self.zone).strftime(form)


def parse_zone(name: str) -> tuple[tzinfo, str]:
    """A zone and its name; UTC when the name is no zone.

    Args:
        name: what the cookie says. `ZoneInfo` opens a file of that name, and raises ValueError for names
            that lead out of its folder.
    """
    try:
        if name and len(name) < 64 and all(part.isascii() for part in name):  # noqa: PLR2004  (names are shorter)
            return ZoneInfo(name), name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    return UTC, "UTC"


def link(path: str, parameters: Mapping[str, object] | None = None, /, **changes: object) -> str:
    """An address within the site.

    Args:
        path: begins with "/"; the caller quotes segments that are data with `segment`.
        parameters: parameters to keep.
        changes: parameters to set; empty ones and zeros are dropped, so that addresses stay short.
    """
    query = {**(parameters or {}), **changes}
    kept = {key: str(value) for key, value in query.items() if value not in ("", None, 0)}
    return f"{path}?{urlencode(kept)}" if kept else path


def segment(text: str) -> str:
    """A text as one path segment."""
    # "/" is quoted too: an id with one would otherwise be two segments and another page.
    return quote(text, safe="")
