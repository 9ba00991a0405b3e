"""Numbered ClickHouse migrations and what applies them.

Each `NNNN_name.sql` is applied once, in order, and recorded in `schema_migrations`. A statement may be
repeated (`IF NOT EXISTS`), so a kill in the middle of one is finished at the next start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from string import Template

from starfort.store.clickhouse import ClickHouse
from starfort.store.errors import StoreOpenError

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between one embedded ClickHouse and a cluster.

    Attributes:
        replicated: prefix of every MergeTree engine, "" or "Replicated".
        on_cluster: `ON CLUSTER name`, or "".
        deduplication: the table setting that keeps tokens of past inserts.
    """

    replicated: str = ""
    on_cluster: str = ""
    # 1,000 tokens: at four inserts a second that is four minutes, and only inserts that a kill interrupted
    # (at most the spool's segments) are ever repeated
    deduplication: str = "non_replicated_deduplication_window = 1000"

    @classmethod
    def cluster(cls, name: str) -> Dialect:
        """Give the dialect of a replicated cluster.

        Args:
            name: cluster name in the servers' configuration; letters, digits, `_` and `-`.

        Raises:
            ValueError: the name has other characters.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ValueError(f"cluster name {name!r}: only letters, digits, '_' and '-'")
        return cls("Replicated", f"ON CLUSTER `{name}`", "replicated_deduplication_window = 1000")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, name and statements (templates)."""

    number: int
    name: str
    statements: tuple[str, ...]


def load() -> list[Migration]:
    """Read the packaged migrations, by number.

    Returns:
        All migrations in order.
    """
    found = []
    for file in resources.files(__name__).iterdir():
        match = _NAME.fullmatch(file.name)
        if match:
            found.append(Migration(int(match.group(1)), file.name, split(file.read_text("utf-8"))))
    return sorted(found, key=lambda m: m.number)


def split(text: str) -> tuple[str, ...]:
    """Split a migration into statements: one ends with a semicolon at a line's end.

    Args:
        text: content of the file.

    Returns:
        Statements without comment lines and without the semicolon.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    parts = re.split(r";\s*(?:\n|$)", "\n".join(lines))
    return tuple(part.strip() for part in parts if part.strip())


def apply(client: ClickHouse, dialect: Dialect, migrations: list[Migration] | None = None) -> int:
    """Bring the database to the newest schema.

    Args:
        client: where.
        dialect: engine clause and cluster.
        migrations: what to apply, the packaged ones when None.

    Returns:
        How many migrations were applied now.

    Raises:
        StoreOpenError: the database was written by a newer version of Starfort.
        QueryError: a statement failed; the ones before it stay and are not repeated.
    """
    wanted = load() if migrations is None else migrations
    client.command(
        f"CREATE TABLE IF NOT EXISTS schema_migrations {dialect.on_cluster}"
        " (number UInt32, name String, applied DateTime('UTC') DEFAULT now('UTC'))"
        f" ENGINE = {dialect.replicated}MergeTree ORDER BY number"
    )
    done = {row["number"] for row in client.query("SELECT number FROM schema_migrations").to_pylist()}
    newest = max((m.number for m in wanted), default=0)
    if done and max(done) > newest:
        raise StoreOpenError(
            f"the store has schema {max(done)}, this Starfort knows {newest}: it was written by a newer"
            " version; run that one, or give another data_dir"
        )
    count = 0
    for migration in wanted:
        if migration.number in done:
            continue
        for statement in migration.statements:
            client.command(Template(statement).substitute(_values(dialect)))
        client.command(
            "INSERT INTO schema_migrations (number, name) SELECT {number:UInt32}, {name:String}",
            {"number": migration.number, "name": migration.name},
        )
        count += 1
    return count


def _values(dialect: Dialect) -> dict[str, str]:
    return {
        "replicated": dialect.replicated,
        "on_cluster": dialect.on_cluster,
        "deduplication": dialect.deduplication,
    }
