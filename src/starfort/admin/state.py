"""The database of what people edit: accounts, sessions, tokens, mutes, audit log.

Alerts are kept in the same file by `starfort.alerts.history`, which owns its table.

SQLite at `DATA_DIR/state.db`, through SQLAlchemy so that a larger installation can use PostgreSQL.
Migrations are a list of statements per version: a database knows its version, and opening it brings it
up to date in one transaction. A database of a newer Starfort is refused, never guessed at.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import ForeignKey, Integer, String, UniqueConstraint, create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from starfort.admin.errors import AdminError

STATE_FILE = "state.db"


class Base(DeclarativeBase):
    """Root of the tables below."""


class User(Base):
    """An account."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(256))
    role: Mapped[str] = mapped_column(String(16))
    theme: Mapped[str] = mapped_column(String(8), default="auto")
    created_ms: Mapped[int]
    password_changed_ms: Mapped[int]
    last_login_ms: Mapped[int | None]
    totp: Mapped[str | None] = mapped_column(String(256))
    """Encrypted secret of the second factor; `None` without one."""
    totp_pending: Mapped[str | None] = mapped_column(String(256))
    """The same before its first code was seen."""
    totp_step: Mapped[int] = mapped_column(default=0)
    """Time step of the last code that was accepted."""


class RecoveryCode(Base):
    """A recovery code that was not used yet, by the SHA-256 of its text."""

    __tablename__ = "recovery_codes"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))


class LoginSession(Base):
    """A browser's session; the cookie holds the value of which this is the hash."""

    __tablename__ = "sessions"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_ms: Mapped[int]
    seen_ms: Mapped[int]
    address: Mapped[str] = mapped_column(String(64))


class ApiToken(Base):
    """An API token, by the SHA-256 of its text."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    role: Mapped[str] = mapped_column(String(16))
    created_ms: Mapped[int]
    expires_ms: Mapped[int | None]
    used_ms: Mapped[int | None]
    __table_args__ = (UniqueConstraint("user_id", "name"),)


class Mute(Base):
    """Alerts of a kind (and key) that are not to ask for attention for a while."""

    __tablename__ = "mutes"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(128))
    key: Mapped[str] = mapped_column(String(256))
    reason: Mapped[str] = mapped_column(String(1000))
    user: Mapped[str] = mapped_column(String(64))
    created_ms: Mapped[int]
    until_ms: Mapped[int] = mapped_column(Integer, index=True)


class AuditEntry(Base):
    """Somebody changed something."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    time_ms: Mapped[int] = mapped_column(Integer, index=True)
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(256))
    detail: Mapped[str] = mapped_column(String(2000))
    address: Mapped[str] = mapped_column(String(64))


MIGRATIONS: list[list[str]] = [
    [
        """CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(64) NOT NULL UNIQUE,
           password_hash VARCHAR(256) NOT NULL, role VARCHAR(16) NOT NULL, theme VARCHAR(8) NOT NULL,
           created_ms BIGINT NOT NULL, password_changed_ms BIGINT NOT NULL, last_login_ms BIGINT)""",
        """CREATE TABLE sessions (key VARCHAR(64) PRIMARY KEY,
           user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, csrf VARCHAR(64) NOT NULL,
           created_ms BIGINT NOT NULL, seen_ms BIGINT NOT NULL, address VARCHAR(64) NOT NULL)""",
        "CREATE INDEX ix_sessions_user_id ON sessions (user_id)",
        """CREATE TABLE tokens (id INTEGER PRIMARY KEY,
           user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, name VARCHAR(64) NOT NULL,
           sha256 VARCHAR(64) NOT NULL UNIQUE, hint VARCHAR(16) NOT NULL, role VARCHAR(16) NOT NULL,
           created_ms BIGINT NOT NULL, expires_ms BIGINT, used_ms BIGINT, UNIQUE (user_id, name))""",
        "CREATE INDEX ix_tokens_user_id ON tokens (user_id)",
        """CREATE TABLE mutes (id INTEGER PRIMARY KEY, kind VARCHAR(128) NOT NULL, key VARCHAR(256) NOT NULL,
           reason VARCHAR(1000) NOT NULL, "user" VARCHAR(64) NOT NULL, created_ms BIGINT NOT NULL,
           until_ms BIGINT NOT NULL)""",
        "CREATE INDEX ix_mutes_until_ms ON mutes (until_ms)",
        """CREATE TABLE audit (id INTEGER PRIMARY KEY, time_ms BIGINT NOT NULL, actor VARCHAR(64) NOT NULL,
           action VARCHAR(64) NOT NULL, target VARCHAR(256) NOT NULL, detail VARCHAR(2000) NOT NULL,
           address VARCHAR(64) NOT NULL)""",
        "CREATE INDEX ix_audit_time_ms ON audit (time_ms)",
    ],
    [
        "ALTER TABLE users ADD COLUMN totp VARCHAR(256)",
        "ALTER TABLE users ADD COLUMN totp_pending VARCHAR(256)",
        "ALTER TABLE users ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0",
        """CREATE TABLE recovery_codes (id INTEGER PRIMARY KEY,
           user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, sha256 VARCHAR(64) NOT NULL)""",
        "CREATE INDEX ix_recovery_codes_user_id ON recovery_codes (user_id)",
    ],
]
"""Statements that lead from version N to N + 1. Entries are only ever added."""


def now_ms() -> int:
    """Unix milliseconds now."""
    return time.time_ns() // 1_000_000


class StateDatabase:
    """The open database.

    Args:
        data_dir: directory of the installation; made with mode 0700 when missing.

    Raises:
        AdminError: the file belongs to a newer Starfort.
    """

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = data_dir / STATE_FILE
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        self.path.chmod(0o600)
        self._engine = _engine(self.path)
        with self._engine.begin() as connection:
            self.version = migrate(connection)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction: committed at the end of the block, rolled back when it raises."""
        with self._sessions.begin() as session:
            yield session

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def migrate(connection: Connection) -> int:
    """Bring the schema up to date inside the caller's transaction.

    Returns:
        The version that the database now has.

    Raises:
        AdminError: it was written by a newer Starfort.
    """
    connection.execute(text("CREATE TABLE IF NOT EXISTS admin_schema_version (version INTEGER NOT NULL)"))
    row = connection.execute(text("SELECT max(version) FROM admin_schema_version")).scalar()
    version = int(row) if row is not None else 0
    if version > len(MIGRATIONS):
        raise AdminError(
            f"{STATE_FILE} has schema version {version}, this Starfort knows {len(MIGRATIONS)}: "
            "start the Starfort that wrote it, or restore the file from before the upgrade"
        )
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        for statement in statements:
            connection.execute(text(statement))
        connection.execute(text("INSERT INTO admin_schema_version VALUES (:version)"), {"version": number})
    return len(MIGRATIONS)


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 10})

    @event.listens_for(engine, "connect")
    def _configure(connection: object, _record: ConnectionPoolEntry) -> None:
        # Foreign keys are off by default in SQLite; WAL lets the CLI write while the server reads.
        cursor = connection.cursor()  # type: ignore[attr-defined]  # DBAPI connection of sqlite3
        for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
