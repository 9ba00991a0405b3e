"""One page in front of one viewer: who looks, what the address asks for, and what answers."""

from typing import Final, get_args

from fastapi import Request

from starfort.admin import cookies
from starfort.admin.audit import Actor
from starfort.admin.desk import Desk
from starfort.admin.roles import Principal, Role
from starfort.admin.window import RangeName
from starfort.dashboard.viewer import Viewer

PAGE_SIZE: Final = 50
"""Rows of a list on one page."""

MAX_OFFSET: Final = 1_000_000
"""A list goes no further: the store would have to read and drop every row before it."""

MAX_PARAMETERS: Final = 32
"""Parameters of an address that are read: no page has as many, and each link repeats them all."""


class View:
    """One page in front of one viewer.

    Attributes:
        desk: the logins and the answers.
        insight: the part of the desk that answers questions.
        viewer: who looks.
        path: the address's path.
        query: the address's parameters, at most `MAX_PARAMETERS`.
        address: the network address of who looks, for the audit log.
        range: how far back the page looks.
    """

    def __init__(self, desk: Desk, request: Request, range_: RangeName = "24h") -> None:
        principal: Principal = request.state.principal
        self.desk = desk
        self.insight = desk.insight
        self.viewer = Viewer.of(principal, request.cookies)
        self.path = request.url.path
        self.query: dict[str, str] = dict(list(request.query_params.items())[:MAX_PARAMETERS])
        self.address = cookies.address_of(request)
        self.range: RangeName = range_
        for name in get_args(RangeName):
            if name == self.query.get("range"):
                self.range = name

    @property
    def offset(self) -> int:
        """Where in a list the page begins."""
        text = self.query.get("offset", "0")
        # `int` alone would also take digits of other scripts, signs and blanks.
        return min(int(text), MAX_OFFSET) if text.isascii() and text.isdigit() and len(text) < 9 else 0  # noqa: PLR2004

    def chosen(self, *names: str) -> dict[str, str]:
        """The address's parameters that are among `names`; empty ones are left out."""
        return {name: self.query[name] for name in names if self.query.get(name)}

    def chosen_with_range(self, *names: str) -> dict[str, str]:
        """The same with the range, for pages that have one: their links keep it."""
        return self.chosen(*names, "range")

    def allowed(self, role: Role) -> bool:
        """Whether the viewer may do what a role may."""
        return self.viewer.principal.role.covers(role)

    def actor(self, role: Role) -> Actor:
        """Who makes a change now.

        The session is looked up again, because a page outlives the request that made it: the session may
        have ended since, or the role may have changed.

        Raises:
            PermissionError: the session is over, or the role no longer suffices.
        """
        principal = self.desk.sessions.find_key(self.viewer.principal.session_key)
        if principal is None or principal.must_enrol or not principal.role.covers(role):
            raise PermissionError(f"this needs the role {role.value} and a session: log in again")
        return Actor(principal.name, self.address)
