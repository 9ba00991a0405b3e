"""Users: add, list, remove, role, password, and the first administrator."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from starfort.admin import audit, passwords
from starfort.admin.audit import Actor
from starfort.admin.errors import ConflictError, InvalidError, NotFoundError
from starfort.admin.roles import Role
from starfort.base.files import write_private
from starfort.state.database import StateDatabase, now_ms, time_of
from starfort.state.tables import LoginSession, User

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
MAX_USERS = 1_000
FIRST_ADMIN = "admin"
PASSWORD_FILE = "admin-password"  # noqa: S105  (a file name)
# Kept with the account and not in the browser, so that it is the same on every device.
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Account:
    """A user as others may see it."""

    name: str
    role: Role
    created: datetime
    password_changed: datetime
    last_login: datetime | None
    second_factor: bool
    """Whether logging in needs a code besides the password."""


class Accounts:
    """The users of one installation."""

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def list(self) -> list[Account]:
        """Every account, by name."""
        with self._database.begin() as session:
            return [_account(user) for user in session.scalars(select(User).order_by(User.name))]

    def get(self, name: str) -> Account:
        """One account.

        Raises:
            NotFoundError: no such account.
        """
        with self._database.begin() as session:
            return _account(find_user(session, name))

    def add(self, name: str, password: str, role: Role, actor: Actor) -> Account:
        """Make an account.

        Raises:
            InvalidError: the name or the password cannot be accepted.
            ConflictError: the name is taken, or there are `MAX_USERS`.
        """
        if not NAME.fullmatch(name):
            raise InvalidError(
                f"{name[:64]!r} cannot be an account name: use 1 to 64 of a-z, 0-9, '.', '_', '@', '-', "
                "beginning with a letter or digit"
            )
        passwords.check(password, name)
        # Hashed before the transaction begins: it takes 50 ms, in which nobody else could write.
        hashed = passwords.hash_password(password)
        with self._database.begin() as session:
            if session.scalar(select(User).where(User.name == name)) is not None:
                raise ConflictError(f"there is an account {name!r} already")
            if (session.scalar(select(func.count()).select_from(User)) or 0) >= MAX_USERS:
                raise ConflictError(
                    f"there are {MAX_USERS} accounts, the most there can be: remove one first"
                )
            now = now_ms()
            user = User(
                name=name, password_hash=hashed, role=role.value, theme="auto", created_ms=now,
                password_changed_ms=now, last_login_ms=None,
            )  # fmt: skip
            session.add(user)
            audit.record(session, actor, "user.add", name, f"role {role.value}")
            return _account(user)

    def remove(self, name: str, actor: Actor) -> None:
        """Remove an account with its sessions and tokens.

        Raises:
            NotFoundError: no such account.
            ConflictError: it is the last administrator.
        """
        with self._database.begin() as session:
            user = find_user(session, name)
            _keep_an_admin(session, user)
            # The database removes sessions, tokens and recovery codes with it (ON DELETE CASCADE).
            session.delete(user)
            audit.record(session, actor, "user.remove", name)

    def set_role(self, name: str, role: Role, actor: Actor) -> Account:
        """Change what an account may do, from its next request on.

        Raises:
            NotFoundError: no such account.
            ConflictError: it is the last administrator and would cease to be one.
        """
        with self._database.begin() as session:
            user = find_user(session, name)
            # In the transaction that changes it, so that two requests cannot each remove one of the last two.
            if role is not Role.ADMIN:
                _keep_an_admin(session, user)
            user.role = role.value
            audit.record(session, actor, "user.role", name, f"role {role.value}")
            return _account(user)

    def set_password(self, name: str, password: str, actor: Actor, keep_session: str = "") -> None:
        """Change a password and end the account's sessions.

        Args:
            name: account.
            password: the new one.
            actor: who does it.
            keep_session: key of the one session that goes on: that of whoever changes their own password.

        Raises:
            NotFoundError: no such account.
            InvalidError: the password cannot be accepted.
        """
        passwords.check(password, name)
        hashed = passwords.hash_password(password)
        with self._database.begin() as session:
            user = find_user(session, name)
            user.password_hash, user.password_changed_ms = hashed, now_ms()
            # Somebody who stole the old password may be logged in with it.
            session.execute(
                delete(LoginSession).where(LoginSession.user_id == user.id, LoginSession.key != keep_session)
            )
            audit.record(session, actor, "user.password", name)

    def set_theme(self, name: str, theme: str) -> None:
        """Remember how somebody wants the dashboard to look: `auto`, `light` or `dark`.

        Raises:
            NotFoundError: no such account.
            InvalidError: another theme.
        """
        if theme not in THEMES:
            raise InvalidError(f"the theme is one of {', '.join(THEMES)}")
        with self._database.begin() as session:
            find_user(session, name).theme = theme

    def ensure_first_admin(self, data_dir: Path) -> Path | None:
        """Make the first administrator when there is no account at all.

        The random password goes into `DATA_DIR/admin-password`, mode 0600, and nowhere else. Whoever can read
        that file can read everything else in the folder too.

        Returns:
            The file, or `None` when accounts exist.
        """
        with self._database.begin() as session:
            if session.scalar(select(func.count()).select_from(User)):
                return None
        # The file is written before the account is made: after a kill in between, the next start makes both
        # anew, while an account whose password nobody knows would lock everybody out.
        password = passwords.generate()
        path = data_dir / PASSWORD_FILE
        write_private(path, f"{password}\n".encode("ascii"))
        self.add(FIRST_ADMIN, password, Role.ADMIN, Actor("first start"))
        return path


def find_user(session: Session, name: str) -> User:
    """The row of an account.

    Raises:
        NotFoundError: there is none of that name.
    """
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        raise NotFoundError(f"there is no account {name[:64]!r}")
    return user


def _keep_an_admin(session: Session, user: User) -> None:
    # Without an administrator nobody could make another one.
    if user.role != Role.ADMIN:
        return
    admins = session.scalar(select(func.count()).select_from(User).where(User.role == Role.ADMIN.value)) or 0
    if admins <= 1:
        raise ConflictError(f"{user.name!r} is the last administrator: make another one first")


def _account(user: User) -> Account:
    return Account(
        name=user.name,
        role=Role(user.role),
        created=time_of(user.created_ms),
        password_changed=time_of(user.password_changed_ms),
        last_login=time_of(user.last_login_ms) if user.last_login_ms is not None else None,
        second_factor=user.totp is not None,
    )
