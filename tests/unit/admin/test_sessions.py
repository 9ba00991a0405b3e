"""Cookie sessions: signature, expiry, number."""

from pathlib import Path

import pytest

from starfort.admin import sessions as module
from starfort.admin.accounts import Accounts
from starfort.admin.audit import CLI
from starfort.admin.errors import AdminError
from starfort.admin.roles import Role
from starfort.admin.sessions import Sessions
from starfort.state.database import StateDatabase


@pytest.fixture
def sessions(accounts: Accounts, database: StateDatabase, tmp_path: Path) -> Sessions:
    """Sessions of an installation with one account, `ann`."""
    accounts.add("ann", "correct horse battery", Role.OPERATOR, CLI)
    return Sessions(database, tmp_path)


def test_session_names_its_owner(sessions: Sessions) -> None:
    """The cookie leads to the account with its role and a CSRF token."""
    principal = sessions.find(sessions.open("ann", "127.0.0.1"))
    assert principal is not None
    assert (principal.name, principal.role, principal.via) == ("ann", Role.OPERATOR, "session")
    assert len(principal.csrf) >= 32


@pytest.mark.parametrize("cookie", [None, "", "x", "a.b", "é.ü", "x" * 5000])
def test_forged_cookie(sessions: Sessions, cookie: str | None) -> None:
    """A value that Starfort did not sign belongs to nobody."""
    assert sessions.find(cookie) is None


def test_signature_is_checked(sessions: Sessions) -> None:
    """Changing one character of value or signature ends the trust."""
    cookie = sessions.open("ann", "127.0.0.1")
    flipped = "A" if cookie[0] != "A" else "B"
    assert sessions.find(flipped + cookie[1:]) is None
    assert sessions.find(cookie[:-2] + ("AA" if cookie[-2:] != "AA" else "BB")) is None


def test_cookie_value_is_not_stored(sessions: Sessions, tmp_path: Path) -> None:
    """The database does not hold what the browser holds."""
    value = sessions.open("ann", "127.0.0.1").split(".")[0].encode()
    for path in tmp_path.iterdir():
        assert value not in path.read_bytes(), path


@pytest.mark.parametrize(("after_ms", "alive"), [(module.IDLE_MS - 1, True), (module.IDLE_MS + 1, False)])
def test_idle_session_ends(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, after_ms: int, alive: bool
) -> None:
    """A session without requests ends after `IDLE_MS`."""
    start = module.now_ms()
    monkeypatch.setattr(module, "now_ms", lambda: start)
    cookie = sessions.open("ann", "127.0.0.1")
    monkeypatch.setattr(module, "now_ms", lambda: start + after_ms)
    assert (sessions.find(cookie) is not None) is alive


def test_busy_session_ends_after_a_day(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that is used all the time ends after `ABSOLUTE_MS`."""
    start = module.now_ms()
    monkeypatch.setattr(module, "now_ms", lambda: start)
    cookie = sessions.open("ann", "127.0.0.1")
    step = module.IDLE_MS // 2
    alive_until = 0
    for passed in range(0, module.ABSOLUTE_MS + 2 * step, step):
        monkeypatch.setattr(module, "now_ms", lambda now=start + passed: now)
        if sessions.find(cookie) is None:
            break
        alive_until = passed
    assert module.ABSOLUTE_MS - step <= alive_until <= module.ABSOLUTE_MS


def test_number_of_sessions_is_limited(sessions: Sessions) -> None:
    """Logging in again and again does not grow the table."""
    for _ in range(module.MAX_PER_USER + 5):
        sessions.open("ann", "127.0.0.1")
    assert sessions.count() == module.MAX_PER_USER


def test_closing(sessions: Sessions) -> None:
    """A closed session is over."""
    cookie = sessions.open("ann", "127.0.0.1")
    principal = sessions.find(cookie)
    assert principal is not None
    sessions.close(principal.session_key)
    assert sessions.find(cookie) is None


def test_key_survives_restart_and_is_private(
    sessions: Sessions, database: StateDatabase, tmp_path: Path
) -> None:
    """The signing key is kept in a private file, so that a restart logs nobody out."""
    cookie = sessions.open("ann", "127.0.0.1")
    assert (tmp_path / "session-key").stat().st_mode & 0o777 == 0o600
    assert Sessions(database, tmp_path).find(cookie) is not None


def test_an_empty_key_signs_nothing(database: StateDatabase, tmp_path: Path) -> None:
    """A key file that a crash left empty is refused: anybody could sign a cookie with an empty key."""
    (tmp_path / "session-key").write_bytes(b"")
    with pytest.raises(
        AdminError, match=r"session-key: holds 0 bytes, expected 32; restore it, or remove it"
    ):
        Sessions(database, tmp_path)
