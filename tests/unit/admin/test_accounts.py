"""Users: adding, removing, roles, passwords, the first administrator."""

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from starfort.admin import audit, passwords
from starfort.admin.accounts import Accounts
from starfort.admin.audit import CLI
from starfort.admin.errors import ConflictError, InvalidError, NotFoundError
from starfort.admin.roles import Role
from starfort.admin.sessions import Sessions
from starfort.state.database import StateDatabase

PASSWORD = "correct horse battery"


@pytest.mark.parametrize("name", ["", "Admin", "a" * 65, "a b", "<script>", "../x", "-x"])
def test_odd_names_are_refused(accounts: Accounts, name: str) -> None:
    """An account name is plain."""
    with pytest.raises(InvalidError):
        accounts.add(name, PASSWORD, Role.VIEWER, CLI)


def test_short_password_is_refused_without_showing_it(accounts: Accounts) -> None:
    """The error gives the bound and not the password."""
    with pytest.raises(InvalidError) as caught:
        accounts.add("ann", "s3cr3t", Role.VIEWER, CLI)
    assert "12" in caught.value.detail
    assert "s3cr3t" not in caught.value.detail


def test_same_name_twice(accounts: Accounts) -> None:
    """Names are unique."""
    accounts.add("ann", PASSWORD, Role.VIEWER, CLI)
    with pytest.raises(ConflictError):
        accounts.add("ann", PASSWORD, Role.ADMIN, CLI)


def test_last_admin_stays(accounts: Accounts) -> None:
    """Nobody can lock everybody out."""
    accounts.add("ann", PASSWORD, Role.ADMIN, CLI)
    with pytest.raises(ConflictError):
        accounts.remove("ann", CLI)
    with pytest.raises(ConflictError):
        accounts.set_role("ann", Role.VIEWER, CLI)
    accounts.add("bob", PASSWORD, Role.ADMIN, CLI)
    accounts.remove("ann", CLI)
    assert [account.name for account in accounts.list()] == ["bob"]


def test_removing_ends_sessions(accounts: Accounts, database: StateDatabase, tmp_path: Path) -> None:
    """A removed account's sessions are over."""
    sessions = Sessions(database, tmp_path)
    accounts.add("ann", PASSWORD, Role.VIEWER, CLI)
    cookie = sessions.open("ann", "::1")
    assert sessions.find(cookie) is not None
    accounts.remove("ann", CLI)
    assert sessions.find(cookie) is None


def test_new_password_ends_other_sessions(
    accounts: Accounts, database: StateDatabase, tmp_path: Path
) -> None:
    """Changing a password ends every session but the one it is changed in."""
    sessions = Sessions(database, tmp_path)
    accounts.add("ann", PASSWORD, Role.VIEWER, CLI)
    here, elsewhere = sessions.open("ann", "::1"), sessions.open("ann", "::2")
    principal = sessions.find(here)
    assert principal is not None
    accounts.set_password("ann", "another long password", CLI, keep_session=principal.session_key)
    assert sessions.find(here) is not None
    assert sessions.find(elsewhere) is None


def test_unknown_account(accounts: Accounts) -> None:
    """Changing nobody is an error."""
    with pytest.raises(NotFoundError):
        accounts.set_role("nobody", Role.VIEWER, CLI)


def test_first_admin_once_and_private(accounts: Accounts, tmp_path: Path) -> None:
    """The first start makes an administrator with a random password in a private file; the next does not."""
    path = accounts.ensure_first_admin(tmp_path)
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    password = path.read_text().strip()
    assert len(password) >= 24
    assert [(account.name, account.role) for account in accounts.list()] == [("admin", Role.ADMIN)]
    assert accounts.ensure_first_admin(tmp_path) is None
    assert path.read_text().strip() == password


def test_changes_are_audited_without_secrets(accounts: Accounts, database: StateDatabase) -> None:
    """Every change leaves an entry, and no entry has a password or a hash."""
    accounts.add("ann", PASSWORD, Role.ADMIN, CLI)
    accounts.add("bob", PASSWORD, Role.VIEWER, CLI)
    accounts.set_role("bob", Role.OPERATOR, CLI)
    accounts.set_password("bob", "another long password", CLI)
    accounts.remove("bob", CLI)
    entries = audit.page(database, 10)
    assert [entry.action for entry in entries] == [
        "user.remove", "user.password", "user.role", "user.add", "user.add",
    ]  # fmt: skip
    assert not any("password" in entry.detail or "argon2" in entry.detail for entry in entries)


def test_unknown_account_verifies_a_hash_too(
    real_hashing: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown account costs one argon2id verification with production parameters, like a known one."""
    calls = []

    class Counting:
        hash = staticmethod(real_hashing.hash)

        def verify(self, stored: str, password: str) -> bool:
            calls.append(stored)
            return real_hashing.verify(stored, password)

    passwords._nobody.cache_clear()
    monkeypatch.setattr(passwords, "_HASHER", Counting())
    assert passwords.verify("whatever it is", None) is False
    assert [stored[:31] for stored in calls] == ["$argon2id$v=19$m=65536,t=3,p=4$"]
    passwords._nobody.cache_clear()


def test_password_hash_is_salted_and_verifies() -> None:
    """Equal passwords have different hashes, and each verifies only the right one."""
    first, second = passwords.hash_password(PASSWORD), passwords.hash_password(PASSWORD)
    assert first != second
    assert passwords.verify(PASSWORD, first)
    assert not passwords.verify(PASSWORD + "x", first)
    assert not passwords.verify("x" * 10_000, first)
