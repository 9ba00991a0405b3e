"""One login, end to end: count, verify in constant time, second factor, session, audit."""

import asyncio
from dataclasses import dataclass

from sqlalchemy import select

from starfort.admin import audit, passwords
from starfort.admin.audit import Actor
from starfort.admin.errors import AdminError, RefusedError, TooManyError
from starfort.admin.limiter import Limiter
from starfort.admin.second_factor import SecondFactor
from starfort.admin.sessions import Sessions
from starfort.state.database import StateDatabase
from starfort.state.tables import User

MAX_PARALLEL = 2
"""Passwords that are verified at once: each takes 64 MiB and some 50 ms of a core."""
MAX_WAITING = 32
"""Attempts that may wait until one of these has ended. Attempts from known browsers may wait in addition;
their own limit bounds them. So a flood of attempts by strangers does not keep people out who log in every
day."""


class CodeNeededError(AdminError):
    """The password is right, and the account has a second factor.

    Args:
        ticket: goes with the code to `Login.finish`.
    """

    code = "second_factor_needed"
    status = 401

    def __init__(self, ticket: str) -> None:
        super().__init__("send the code of your authenticator app, or a recovery code")
        self.ticket = ticket


@dataclass(frozen=True, slots=True)
class Entry:
    """A login that succeeded.

    Attributes:
        session: value of the session's cookie.
        browser: value of the cookie that makes this browser known.
    """

    session: str
    browser: str


class Login:
    """Turns a name and a password into a session.

    Args:
        database: the state.
        sessions: where the session is opened.
        limiter: counts attempts.
        second_factor: verifies codes.
    """

    def __init__(
        self, database: StateDatabase, sessions: Sessions, limiter: Limiter, second_factor: SecondFactor
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._limiter = limiter
        self._second_factor = second_factor
        self._slots = asyncio.Semaphore(MAX_PARALLEL)
        self._waiting = 0

    async def attempt(
        self, name: str, password: str, address: str, *, browser: str | None = None, code: str = ""
    ) -> Entry:
        """Log in.

        An unknown account takes the same work and gets the same answer as a wrong password.

        Args:
            name: account name as typed.
            password: as typed.
            address: of the browser.
            browser: value of the cookie of a known browser, if it sent one.
            code: of the second factor, when it was asked for together with the password.

        Raises:
            RefusedError: name, password or code is wrong.
            CodeNeededError: a code is needed.
            TooManyError: too many failures, or too many attempts at once.
        """
        # Names have no capitals (`accounts.NAME`), and telephones like to write one.
        name = name.strip().lower()[:64]
        known = self._sessions.known_browser(browser, name)
        second = self._second_factor.enrolled(name)
        # Counted before it is verified: guesses that arrive at once would otherwise all pass the limit.
        attempt = self._limiter.password(address, name, browser=known, second_factor=second)
        stored = self._stored(name)
        try:
            right = await self._verify(password, stored, known=bool(known))
        except TooManyError:
            attempt.withdrawn()
            raise
        if not right:
            self._note("login.failed", name or "-", address)
            # The same words in both cases: which names exist is nobody's business.
            raise RefusedError("the name or the password is wrong")
        attempt.succeeded()
        await self._renew_hash(name, password, stored)
        if second:
            self._ask_second(name, code, address, known)
        return self._enter(name, address)

    def finish(self, ticket: str, code: str, address: str, *, browser: str | None = None) -> Entry:
        """The second step: the code to a password that was right.

        Args:
            ticket: of `CodeNeededError`; it holds for five minutes and until the password changes.
            code: of the app, or a recovery code.
            address: of the browser.
            browser: value of the cookie of a known browser, if it sent one.

        Raises:
            RefusedError: ticket or code is wrong.
            TooManyError: too many wrong codes.
        """
        # The ticket stands for the password, so the password is sent and verified once.
        name = self._sessions.ticket_owner(ticket)
        if name is None:
            raise RefusedError("that took too long: log in again")
        self._verify_code(name, code, address, self._sessions.known_browser(browser, name))
        return self._enter(name, address)

    async def confirm(self, name: str, password: str, address: str) -> None:
        """Verify the password of somebody who is logged in, before something important.

        Raises:
            RefusedError: it is wrong.
            TooManyError: too many failures.
        """
        # Who has a session is counted by account alone, so that no stranger uses up the attempts.
        attempt = self._limiter.password(address, name, browser=f"session of {name}")
        try:
            right = await self._verify(password, self._stored(name), known=True)
        except TooManyError:
            attempt.withdrawn()
            raise
        if not right:
            raise RefusedError("the current password is wrong")
        attempt.succeeded()

    def confirm_code(self, name: str, code: str, address: str) -> None:
        """Verify a code of somebody who is logged in.

        Raises:
            RefusedError: it is wrong or used.
            TooManyError: too many wrong codes.
        """
        self._verify_code(name, code, address, f"session of {name}")

    def _ask_second(self, name: str, code: str, address: str, known: str) -> None:
        # That the password was right is told only to somebody who then still needs the second factor.
        if not code:
            raise CodeNeededError(self._sessions.ticket(name))
        self._verify_code(name, code, address, known)

    def _verify_code(self, name: str, code: str, address: str, known: str) -> None:
        attempt = self._limiter.code(address, name, browser=known)
        if not self._second_factor.accepts(name, code):
            self._note("login.code_failed", name, address)
            raise RefusedError("the code is wrong or was used already")
        attempt.succeeded()

    def _enter(self, name: str, address: str) -> Entry:
        self._note("login", name, address)
        return Entry(self._sessions.open(name, address), self._sessions.browser(name))

    def _note(self, action: str, name: str, address: str) -> None:
        with self._database.begin() as session:
            audit.record(session, Actor(name, address), action, name)

    async def _verify(self, password: str, stored: str | None, *, known: bool) -> bool:
        if self._waiting >= MAX_WAITING and not known:
            raise TooManyError("too many logins at once: try again in 1 s", 1)
        # In a thread, since hashing holds the processor for 50 ms, in which nobody else would be answered.
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(passwords.verify, password, stored)
        finally:
            self._waiting -= 1

    def _stored(self, name: str) -> str | None:
        with self._database.begin() as session:
            return session.scalar(select(User.password_hash).where(User.name == name))

    async def _renew_hash(self, name: str, password: str, stored: str | None) -> None:
        # Only after a log-in is the password known in clear, so only then can its hash get today's
        # parameters.
        if stored is None or not passwords.needs_rehash(stored):
            return
        hashed = await asyncio.to_thread(passwords.hash_password, password)
        with self._database.begin() as session:
            user = session.scalar(select(User).where(User.name == name))
            # The account may have been removed meanwhile.
            if user is not None:
                user.password_hash = hashed
