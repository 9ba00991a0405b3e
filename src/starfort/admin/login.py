"""One login attempt, end to end: limit, verify in constant time, session, audit."""

import asyncio

from sqlalchemy import select

from starfort.admin import audit, passwords
from starfort.admin.audit import Actor
from starfort.admin.errors import RefusedError, TooManyError
from starfort.admin.limiter import LoginLimiter
from starfort.admin.sessions import Sessions
from starfort.admin.state import StateDatabase, User

MAX_PARALLEL = 2
"""Each verification takes 64 MiB and some 50 ms of a core."""
MAX_WAITING = 32
"""Attempts that may wait for one of them."""


class Login:
    """Turns a name and a password into a session.

    Args:
        database: the state.
        sessions: where the session is opened.
        limiter: counts failures.
    """

    def __init__(self, database: StateDatabase, sessions: Sessions, limiter: LoginLimiter) -> None:
        self._database = database
        self._sessions = sessions
        self._limiter = limiter
        self._slots = asyncio.Semaphore(MAX_PARALLEL)
        self._waiting = 0

    async def attempt(self, name: str, password: str, address: str) -> str:
        """Log in.

        An unknown account takes the same work and gets the same answer as a wrong password.

        Args:
            name: account name as typed.
            password: as typed.
            address: of the browser.

        Returns:
            The session cookie's value.

        Raises:
            RefusedError: name or password is wrong.
            TooManyError: too many failures, or too many attempts at once.
        """
        name = name.strip().lower()[:64]
        self._limiter.check(address, name)
        stored = self._stored(name)
        if not await self._verify(password, stored):
            self._limiter.failed(address, name)
            with self._database.begin() as session:
                audit.record(session, Actor(name or "-", address), "login.failed", name or "-")
            raise RefusedError("the name or the password is wrong")
        self._limiter.succeeded(address, name)
        if stored is not None and passwords.needs_rehash(stored):
            self._rehash(name, await asyncio.to_thread(passwords.hash_password, password))
        with self._database.begin() as session:
            audit.record(session, Actor(name, address), "login", name)
        return self._sessions.open(name, address)

    async def confirm(self, name: str, password: str, address: str) -> None:
        """Verify the password of somebody who is logged in, before something important.

        Raises:
            RefusedError: it is wrong.
            TooManyError: too many failures.
        """
        self._limiter.check(address, name)
        if not await self._verify(password, self._stored(name)):
            self._limiter.failed(address, name)
            raise RefusedError("the current password is wrong")

    async def _verify(self, password: str, stored: str | None) -> bool:
        if self._waiting >= MAX_WAITING:
            raise TooManyError("too many logins at once: try again in 1 s", 1)
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(passwords.verify, password, stored)
        finally:
            self._waiting -= 1

    def _stored(self, name: str) -> str | None:
        with self._database.begin() as session:
            return session.scalar(select(User.password_hash).where(User.name == name))

    def _rehash(self, name: str, hashed: str) -> None:
        with self._database.begin() as session:
            user = session.scalar(select(User).where(User.name == name))
            if user is not None:
                user.password_hash = hashed
