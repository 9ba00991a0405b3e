"""Who looks, from where: times in their zone, links that keep their filters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import quote, unquote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

from starfort.admin.roles import Principal
from starfort.dashboard.markup import tag

ZONE_COOKIE = "starfort_zone"
_AGES = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (86_400 * 60, 86_400, "d"))
_PHRASES = {"s": "s ago", "min": "min ago", "h": "h ago", "d": "d ago"}


@dataclass(frozen=True)
class Viewer:
    """One person in front of one page."""

    principal: Principal
    zone: tzinfo
    zone_name: str
    now: datetime

    @classmethod
    def of(cls, principal: Principal, cookies: Mapping[str, str]) -> "Viewer":
        """The viewer of a request; the zone comes from a cookie that the page's script sets, else UTC."""
        zone, name = parse_zone(unquote(cookies.get(ZONE_COOKIE, "")))
        return cls(principal, zone, name, datetime.now(UTC))

    def ago(self, time: datetime | None) -> Markup:
        """How long ago, with the exact time for the pointer."""
        if time is None:
            return tag("span", "never", class_="muted")
        seconds = max(0, int((self.now - time).total_seconds()))
        text = "now" if seconds < 1 else self.local(time)[:10]
        for below, unit, name in _AGES:
            if seconds >= 1 and seconds < below:
                text = f"{seconds // unit} {_PHRASES[name]}"
                break
        return tag("time", text, datetime=time.isoformat(), title=self.local(time), class_="nowrap")

    def exact(self, time: datetime | None) -> Markup:
        """Date and time in the viewer's zone."""
        if time is None:
            return tag("span", "never", class_="muted")
        return tag("time", self.local(time), datetime=time.isoformat(), class_="nowrap")

    def brief(self, time: datetime) -> str:
        """A time in the viewer's zone, without the date if it is today's."""
        local = time.astimezone(self.zone)
        today = local.date() == self.now.astimezone(self.zone).date()
        return local.strftime("%H:%M:%S" if today else "%d %b %H:%M:%S")

    def until(self, time: datetime) -> str:
        """How long until a time to come."""
        seconds = max(0, int((time - self.now).total_seconds()))
        return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60:02d} s"  # noqa: PLR2004

    def local(self, time: datetime) -> str:
        """A time in the viewer's zone as text."""
        return time.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def label(self, time: datetime, step_s: int) -> str:
        """A time as a chart's axis shows it."""
        form = "%H:%M:%S" if step_s < 60 else "%H:%M" if step_s < 7200 else "%d %b %H:%M"  # noqa: PLR2004
        return time.astimezone(self.zone).strftime(form)


def parse_zone(name: str) -> tuple[tzinfo, str]:
    """A zone and its name; UTC for what is no zone (the cookie is the browser's word)."""
    try:
        if name and len(name) < 64 and all(part.isascii() for part in name):  # noqa: PLR2004  (names are shorter)
            return ZoneInfo(name), name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    return UTC, "UTC"


def link(path: str, parameters: Mapping[str, Any] | None = None, /, **changes: Any) -> str:
    """An address within the site.

    Args:
        path: begins with "/"; segments that are data are quoted by the caller with `segment`.
        parameters: query parameters to keep.
        changes: query parameters to set; empty ones are dropped.
    """
    query = {**(parameters or {}), **changes}
    kept = {key: str(value) for key, value in query.items() if value not in ("", None, 0)}
    return f"{path}?{urlencode(kept)}" if kept else path


def segment(text: str) -> str:
    """A text as one path segment."""
    return quote(text, safe="")
