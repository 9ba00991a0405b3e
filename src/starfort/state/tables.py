"""Every table of the state database, each defined once.

The ORM classes serve what is read and changed row by row (accounts, sessions). The plain tables serve what is
written in bulk or counted (alerts, posture findings, the catalogue). All are on one `metadata`, which a test
compares with what the migrations make.

Times are Unix milliseconds (`_ms`) or microseconds (`_us`), so that SQLite compares numbers; the times of
alerts are UTC without a zone, because SQLite keeps none.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Root of the mapped classes."""

    # Milliseconds since 1970 do not fit into the 32 bits that PostgreSQL gives INTEGER.
    type_annotation_map = {int: BigInteger}  # noqa: RUF012 (SQLAlchemy reads it from the class)


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
    """Encrypted secret of the second factor; `None` when the account has none."""
    totp_pending: Mapped[str | None] = mapped_column(String(256))
    """Encrypted secret of a second factor that is being set up, until its first code was seen."""
    # Kept so that a code works once (RFC 6238, section 5.2).
    totp_step: Mapped[int] = mapped_column(default=0, server_default="0")
    """Time step of the last code that was accepted."""


class RecoveryCode(Base):
    """A recovery code that is still unused, by the SHA-256 of its text."""

    __tablename__ = "recovery_codes"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))


class LoginSession(Base):
    """A browser's session, by the SHA-256 of the value that its cookie holds."""

    __tablename__ = "sessions"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_ms: Mapped[int]
    seen_ms: Mapped[int]
    address: Mapped[str] = mapped_column(String(64))


class ApiToken(Base):
    """An API token, by the SHA-256 of its text."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    # The first characters of the text, by which its owner recognises it.
    hint: Mapped[str] = mapped_column(String(16))
    role: Mapped[str] = mapped_column(String(16))
    created_ms: Mapped[int]
    expires_ms: Mapped[int | None]
    used_ms: Mapped[int | None]
    # Two people may give their tokens the same name; one person may not.
    __table_args__ = (UniqueConstraint("user_id", "name"),)


class Mute(Base):
    """Alerts of a kind, and of a key when one is given, that ask for nobody's attention for a while."""

    __tablename__ = "mutes"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(128))
    key: Mapped[str] = mapped_column(String(256))
    reason: Mapped[str] = mapped_column(String(1000))
    user: Mapped[str] = mapped_column(String(64))
    created_ms: Mapped[int]
    until_ms: Mapped[int] = mapped_column(index=True)


class AuditEntry(Base):
    """Somebody changed something."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    time_ms: Mapped[int] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(256))
    detail: Mapped[str] = mapped_column(String(2000))
    address: Mapped[str] = mapped_column(String(64))


ALERTS: Final = Table(
    "alerts",
    Base.metadata,
    Column("id", String(16), primary_key=True),
    Column("dedup_key", String(512), nullable=False, index=True),
    Column("kind", String(128), nullable=False, index=True),
    Column("severity", String(16), nullable=False),
    Column("title", String(512), nullable=False),
    Column("subject", String(512), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("first_at", DateTime, nullable=False, index=True),
    Column("last_at", DateTime, nullable=False),
    Column("count", Integer, nullable=False),
    Column("acknowledged_by", String(128)),
    Column("acknowledged_at", DateTime),
    Column("score", Float),
    Column("members", Integer, nullable=False, server_default="1"),
    Column("ended_at", DateTime),
)
"""Alerts that were raised (`starfort.alerts.history`)."""

FINDINGS: Final = Table(
    "findings",
    Base.metadata,
    Column("code", String(64), primary_key=True),
    Column("api", String(64), primary_key=True),
    Column("endpoint_id", String(16), primary_key=True),
    Column("about", String(512), primary_key=True),
    Column("severity", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
)
"""Posture findings that hold (`starfort.posture.kept`)."""

CATALOGUE_ENDPOINTS: Final = Table(
    "catalogue_endpoints",
    Base.metadata,
    Column("id", String(16), primary_key=True),
    Column("api", String(64), nullable=False),
    Column("method", String(32), nullable=False),
    Column("template", String(2048), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("first_us", BigInteger),
    Column("last_us", BigInteger),
    Column("open_us", BigInteger),
    Column("sets", Text, nullable=False),
)
"""Endpoints of the catalogue (`starfort.catalogue.records`)."""

CATALOGUE_SHAPES: Final = Table(
    "catalogue_shapes",
    Base.metadata,
    Column("api", String(64), primary_key=True),
    Column("method", String(32), primary_key=True),
    Column("shape", String(2048), primary_key=True),
    Column("endpoint_id", String(16), nullable=False),
    Column("calls", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("evidence", Text, nullable=False, server_default="{}"),
)
"""Shapes of paths that were called, before and after they became endpoints."""

CATALOGUE_MERGED: Final = Table(
    "catalogue_merged",
    Base.metadata,
    Column("id", String(16), primary_key=True),
    Column("into", String(16), nullable=False),
)
"""Endpoints that became part of another one, which keeps answering for their ids."""

CATALOGUE_APIS: Final = Table(
    "catalogue_apis",
    Base.metadata,
    Column("api", String(64), primary_key=True),
    Column("facts", Text, nullable=False),
)
"""What the catalogue knows of an API as a whole, such as its versions."""

CATALOGUE_DECISIONS: Final = Table(
    "catalogue_decisions",
    Base.metadata,
    Column("api", String(64), primary_key=True),
    Column("pattern", String(2048), primary_key=True),
    Column("segments", String(8), nullable=False),
    Column("user", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)
"""Whether the segments at a place of paths are `words` or `values`, as people decided."""

CATALOGUE_SCHEMAS: Final = Table(
    "catalogue_schemas",
    Base.metadata,
    Column("endpoint_id", String(16), primary_key=True),
    Column("api", String(64), nullable=False, index=True),
    Column("updated_ms", BigInteger, nullable=False),
    Column("record", Text, nullable=False),
)
"""What the shapes of calls showed of each endpoint, as JSON without values."""

CATALOGUE_STATE: Final = Table(
    "catalogue_state",
    Base.metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
"""How far the catalogue has read the events."""
