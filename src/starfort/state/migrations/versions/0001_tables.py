"""All tables, in a new database or in one of a Starfort that did not use Alembic yet.

Such a database may lack tables, because each part of Starfort made its own when it first ran, and columns
that came later. What is there is kept. The definitions are those of that day and do not follow `tables.py`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MS = sa.BigInteger()
_US = sa.BigInteger()


def upgrade() -> None:
    """Make the tables and columns that are missing."""
    _accounts()
    _credentials()
    _work_of_people()
    _alerts_and_findings()
    _catalogue()
    _columns_that_came_later()
    _refuse_older_starforts()


def _table(name: str, *parts: sa.Column[object] | sa.Constraint) -> None:
    op.create_table(name, *parts, if_not_exists=True)


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column], if_not_exists=True)


def _user_id() -> sa.Column[object]:
    return sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


def _accounts() -> None:
    _table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(256), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("theme", sa.String(8), nullable=False),
        sa.Column("created_ms", _MS, nullable=False),
        sa.Column("password_changed_ms", _MS, nullable=False),
        sa.Column("last_login_ms", _MS),
        sa.Column("totp", sa.String(256)),
        sa.Column("totp_pending", sa.String(256)),
        sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"),
    )


def _credentials() -> None:
    _table(
        "recovery_codes",
        sa.Column("id", sa.Integer, primary_key=True),
        _user_id(),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    _table(
        "sessions",
        sa.Column("key", sa.String(64), primary_key=True),
        _user_id(),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("created_ms", _MS, nullable=False),
        sa.Column("seen_ms", _MS, nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
    )
    _table(
        "tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        _user_id(),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("hint", sa.String(16), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_ms", _MS, nullable=False),
        sa.Column("expires_ms", _MS),
        sa.Column("used_ms", _MS),
        sa.UniqueConstraint("user_id", "name"),
    )
    for table in ("recovery_codes", "sessions", "tokens"):
        _index(table, "user_id")


def _work_of_people() -> None:
    _table(
        "mutes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(128), nullable=False),
        sa.Column("key", sa.String(256), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("created_ms", _MS, nullable=False),
        sa.Column("until_ms", _MS, nullable=False),
    )
    _index("mutes", "until_ms")
    _table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time_ms", _MS, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target", sa.String(256), nullable=False),
        sa.Column("detail", sa.String(2000), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
    )
    _index("audit", "time_ms")


def _alerts_and_findings() -> None:
    _table(
        "alerts",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("dedup_key", sa.String(512), nullable=False),
        sa.Column("kind", sa.String(128), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("title", sa.String(512), nullable=False),
        sa.Column("subject", sa.String(512), nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("first_at", sa.DateTime, nullable=False),
        sa.Column("last_at", sa.DateTime, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("acknowledged_by", sa.String(128)),
        sa.Column("acknowledged_at", sa.DateTime),
        sa.Column("score", sa.Float),
        sa.Column("members", sa.Integer, nullable=False, server_default="1"),
        sa.Column("ended_at", sa.DateTime),
    )
    for column in ("dedup_key", "kind", "first_at"):
        _index("alerts", column)
    _table(
        "findings",
        sa.Column("code", sa.String(64), primary_key=True),
        sa.Column("api", sa.String(64), primary_key=True),
        sa.Column("endpoint_id", sa.String(16), primary_key=True),
        sa.Column("about", sa.String(512), primary_key=True),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("first_us", _US, nullable=False),
        sa.Column("last_us", _US, nullable=False),
    )


def _catalogue() -> None:
    _table(
        "catalogue_endpoints",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("api", sa.String(64), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("template", sa.String(2048), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("first_us", _US),
        sa.Column("last_us", _US),
        sa.Column("open_us", _US),
        sa.Column("sets", sa.Text, nullable=False),
    )
    _table(
        "catalogue_shapes",
        sa.Column("api", sa.String(64), primary_key=True),
        sa.Column("method", sa.String(32), primary_key=True),
        sa.Column("shape", sa.String(2048), primary_key=True),
        sa.Column("endpoint_id", sa.String(16), nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("answered", sa.Integer, nullable=False),
        sa.Column("first_us", _US, nullable=False),
        sa.Column("last_us", _US, nullable=False),
    )
    _table(
        "catalogue_merged",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("into", sa.String(16), nullable=False),
    )
    _table(
        "catalogue_state",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _columns_that_came_later() -> None:
    later: dict[str, tuple[sa.Column[object], ...]] = {
        "users": (
            sa.Column("totp", sa.String(256)),
            sa.Column("totp_pending", sa.String(256)),
            sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"),
        ),
        "alerts": (
            sa.Column("score", sa.Float),
            sa.Column("members", sa.Integer, nullable=False, server_default="1"),
            sa.Column("ended_at", sa.DateTime),
        ),
    }
    for table, columns in later.items():
        known = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
        for column in columns:
            if column.name not in known:
                op.add_column(table, column)


def _refuse_older_starforts() -> None:
    """Make a Starfort without Alembic refuse the file with a sentence instead of failing in the middle."""
    _table("admin_schema_version", sa.Column("version", sa.Integer, nullable=False))
    op.execute("DELETE FROM admin_schema_version")
    op.execute("INSERT INTO admin_schema_version VALUES (3)")
