"""Login attempts: answer, limit, audit."""

from pathlib import Path

import pytest

from starfort.admin import audit
from starfort.admin.accounts import Accounts
from starfort.admin.audit import CLI
from starfort.admin.errors import RefusedError, TooManyError
from starfort.admin.limiter import LIMITS, WINDOW_S, LoginLimiter
from starfort.admin.login import Login
from starfort.admin.roles import Role
from starfort.admin.sessions import Sessions
from starfort.admin.state import StateDatabase

PASSWORD = "correct horse battery"


class Clock:
    """A clock that a test turns."""

    now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The limiter's clock."""
    return Clock()


@pytest.fixture
def login(accounts: Accounts, database: StateDatabase, tmp_path: Path, clock: Clock) -> Login:
    """Logins of an installation with one account, `ann`."""
    accounts.add("ann", PASSWORD, Role.VIEWER, CLI)
    return Login(database, Sessions(database, tmp_path), LoginLimiter(clock))


async def test_right_password(login: Login, database: StateDatabase, tmp_path: Path) -> None:
    """The right password opens a session and is audited."""
    cookie = await login.attempt(" Ann ", PASSWORD, "127.0.0.1")
    principal = Sessions(database, tmp_path).find(cookie)
    assert principal is not None
    assert principal.name == "ann"
    assert audit.page(database, 1)[0].action == "login"


async def test_same_answer_for_unknown_and_wrong(login: Login) -> None:
    """The answer does not tell whether the account exists."""
    with pytest.raises(RefusedError) as wrong:
        await login.attempt("ann", "not the password", "127.0.0.1")
    with pytest.raises(RefusedError) as unknown:
        await login.attempt("nobody", "not the password", "127.0.0.1")
    assert wrong.value.detail == unknown.value.detail


async def test_guessing_is_limited_even_with_the_right_password(login: Login, clock: Clock) -> None:
    """After too many failures the right password is refused too, until the window has passed."""
    for _ in range(LIMITS["pair"]):
        with pytest.raises(RefusedError):
            await login.attempt("ann", "not the password", "127.0.0.1")
    with pytest.raises(TooManyError) as caught:
        await login.attempt("ann", PASSWORD, "127.0.0.1")
    assert 0 < caught.value.retry_after_s <= WINDOW_S
    await login.attempt("ann", PASSWORD, "192.0.2.7")
    clock.now += WINDOW_S + 1
    await login.attempt("ann", PASSWORD, "127.0.0.1")


def test_spraying_from_one_network_is_limited(clock: Clock) -> None:
    """Many accounts from one IPv6 /64 count as one address."""
    limiter = LoginLimiter(clock)
    for number in range(LIMITS["address"]):
        limiter.failed(f"2001:db8::{number:x}", f"user{number}")
    with pytest.raises(TooManyError):
        limiter.check("2001:db8::ffff", "fresh")
    limiter.check("2001:db8:0:1::1", "fresh")


def test_shared_guessing_of_one_account_is_limited(clock: Clock) -> None:
    """Many addresses at one account are limited together."""
    limiter = LoginLimiter(clock)
    for number in range(LIMITS["account"]):
        limiter.failed(f"192.0.2.{number}", "ann")
    with pytest.raises(TooManyError):
        limiter.check("198.51.100.1", "ANN")


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgotten windows are counted."""
    monkeypatch.setattr("starfort.admin.limiter.MAX_KEYS", 30)
    limiter = LoginLimiter(clock)
    for number in range(100):
        limiter.failed(f"10.0.0.{number}", f"user{number}")
    assert limiter.forgotten == 300 - 30
