"""Migrations of the state database."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event

from starfort.state import migrate
from starfort.state.database import open_state
from starfort.state.migrate import StateError, newest
from starfort.state.tables import Base

OLD = """
CREATE TABLE admin_schema_version (version INTEGER NOT NULL);
INSERT INTO admin_schema_version VALUES(1);
INSERT INTO admin_schema_version VALUES(2);
CREATE TABLE alerts (
	id VARCHAR(16) NOT NULL, dedup_key VARCHAR(512) NOT NULL, kind VARCHAR(128) NOT NULL,
	severity VARCHAR(16) NOT NULL, title VARCHAR(512) NOT NULL, subject VARCHAR(512) NOT NULL,
	evidence TEXT NOT NULL, first_at DATETIME NOT NULL, last_at DATETIME NOT NULL, count INTEGER NOT NULL,
	acknowledged_by VARCHAR(128), acknowledged_at DATETIME, score FLOAT, members INTEGER DEFAULT '1' NOT NULL,
	ended_at DATETIME, PRIMARY KEY (id)
);
INSERT INTO alerts VALUES('a1','k','stuffing','high','Stuffing','login','[]','2026-05-01 10:00:00.000000',
 '2026-05-01 10:05:00.000000',2,'ann','2026-05-01 11:00:00.000000',0.9,3,NULL);
CREATE TABLE audit (id INTEGER PRIMARY KEY, time_ms BIGINT NOT NULL, actor VARCHAR(64) NOT NULL,
           action VARCHAR(64) NOT NULL, target VARCHAR(256) NOT NULL, detail VARCHAR(2000) NOT NULL,
           address VARCHAR(64) NOT NULL);
INSERT INTO audit VALUES(1,1777629600000,'cli','user.add','ann','role=admin','');
CREATE TABLE catalogue_endpoints (
	id VARCHAR(16) NOT NULL, api VARCHAR(64) NOT NULL, method VARCHAR(32) NOT NULL,
	template VARCHAR(2048) NOT NULL, origin VARCHAR(16) NOT NULL, calls BIGINT NOT NULL, first_us BIGINT,
	last_us BIGINT, open_us BIGINT, sets TEXT NOT NULL, PRIMARY KEY (id)
);
INSERT INTO catalogue_endpoints VALUES('e1','shop','GET','/a','learned',9000000000,1,2,NULL,'{"host": ""}');
CREATE TABLE catalogue_merged (id VARCHAR(16) NOT NULL, "into" VARCHAR(16) NOT NULL, PRIMARY KEY (id));
CREATE TABLE catalogue_shapes (
	api VARCHAR(64) NOT NULL, method VARCHAR(32) NOT NULL, shape VARCHAR(2048) NOT NULL,
	endpoint_id VARCHAR(16) NOT NULL, calls INTEGER NOT NULL, answered INTEGER NOT NULL,
	first_us BIGINT NOT NULL, last_us BIGINT NOT NULL, PRIMARY KEY (api, method, shape)
);
CREATE TABLE catalogue_state (name VARCHAR(32) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
INSERT INTO catalogue_state VALUES('watermark_us','1777629600000000');
CREATE TABLE findings (
	code VARCHAR(64) NOT NULL, api VARCHAR(64) NOT NULL, endpoint_id VARCHAR(16) NOT NULL,
	about VARCHAR(512) NOT NULL, severity VARCHAR(16) NOT NULL, title TEXT NOT NULL, evidence TEXT NOT NULL,
	first_us BIGINT NOT NULL, last_us BIGINT NOT NULL, PRIMARY KEY (code, api, endpoint_id, about)
);
CREATE TABLE mutes (id INTEGER PRIMARY KEY, kind VARCHAR(128) NOT NULL, key VARCHAR(256) NOT NULL,
           reason VARCHAR(1000) NOT NULL, "user" VARCHAR(64) NOT NULL, created_ms BIGINT NOT NULL,
           until_ms BIGINT NOT NULL);
CREATE TABLE recovery_codes (id INTEGER PRIMARY KEY,
           user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, sha256 VARCHAR(64) NOT NULL);
CREATE TABLE sessions (key VARCHAR(64) PRIMARY KEY,
           user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, csrf VARCHAR(64) NOT NULL,
           created_ms BIGINT NOT NULL, seen_ms BIGINT NOT NULL, address VARCHAR(64) NOT NULL);
CREATE TABLE tokens (id INTEGER PRIMARY KEY,
           user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, name VARCHAR(64) NOT NULL,
           sha256 VARCHAR(64) NOT NULL UNIQUE, hint VARCHAR(16) NOT NULL, role VARCHAR(16) NOT NULL,
           created_ms BIGINT NOT NULL, expires_ms BIGINT, used_ms BIGINT, UNIQUE (user_id, name));
CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(64) NOT NULL UNIQUE,
           password_hash VARCHAR(256) NOT NULL, role VARCHAR(16) NOT NULL, theme VARCHAR(8) NOT NULL,
           created_ms BIGINT NOT NULL, password_changed_ms BIGINT NOT NULL, last_login_ms BIGINT,
           totp VARCHAR(256), totp_pending VARCHAR(256), totp_step BIGINT NOT NULL DEFAULT 0);
INSERT INTO users VALUES(1,'ann','$argon2id$','admin','auto',1777629600000,1777629600000,NULL,'secret',NULL,9);
INSERT INTO sessions VALUES('k',1,'c',1,1,'192.0.2.1');
CREATE INDEX ix_alerts_first_at ON alerts (first_at);
CREATE INDEX ix_alerts_kind ON alerts (kind);
CREATE INDEX ix_alerts_dedup_key ON alerts (dedup_key);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_tokens_user_id ON tokens (user_id);
CREATE INDEX ix_mutes_until_ms ON mutes (until_ms);
CREATE INDEX ix_audit_time_ms ON audit (time_ms);
CREATE INDEX ix_recovery_codes_user_id ON recovery_codes (user_id);
"""
"""What the last Starfort without Alembic made, with a row here and there."""

OLDER = """
CREATE TABLE admin_schema_version (version INTEGER NOT NULL);
INSERT INTO admin_schema_version VALUES(1);
CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(64) NOT NULL UNIQUE,
           password_hash VARCHAR(256) NOT NULL, role VARCHAR(16) NOT NULL, theme VARCHAR(8) NOT NULL,
           created_ms BIGINT NOT NULL, password_changed_ms BIGINT NOT NULL, last_login_ms BIGINT);
INSERT INTO users VALUES(1,'ann','$argon2id$','admin','auto',1,1,NULL);
CREATE TABLE alerts (
	id VARCHAR(16) NOT NULL, dedup_key VARCHAR(512) NOT NULL, kind VARCHAR(128) NOT NULL,
	severity VARCHAR(16) NOT NULL, title VARCHAR(512) NOT NULL, subject VARCHAR(512) NOT NULL,
	evidence TEXT NOT NULL, first_at DATETIME NOT NULL, last_at DATETIME NOT NULL, count INTEGER NOT NULL,
	acknowledged_by VARCHAR(128), acknowledged_at DATETIME, PRIMARY KEY (id)
);
INSERT INTO alerts VALUES('a1','k','stuffing','high','Stuffing','login','[]','2026-05-01 10:00:00.000000',
 '2026-05-01 10:05:00.000000',2,NULL,NULL);
"""
"""One of before: without second factors, without figures of alerts, and without the catalogue."""


def made(path: Path, sql: str) -> Path:
    """A database of an earlier Starfort."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    return path


def dump(path: Path) -> list[str]:
    """Everything in a database, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def differences(engine: Engine) -> list[object]:
    """How the tables of a database differ from `tables.py`."""
    tables = Base.metadata.tables
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda _, name, kind, *_rest: kind != "table" or name in tables},
        )
        return list(compare_metadata(context, Base.metadata))


def facts(path: Path) -> dict[str, object]:
    """What SQLite holds of each table: columns, foreign keys and what is unique, however it was written."""
    with closing(sqlite3.connect(path)) as connection:

        def rows(pragma: str, table: str) -> list[tuple[object, ...]]:
            return connection.execute(f"PRAGMA {pragma}('{table}')").fetchall()

        return {
            table: (
                # Tables of before say PRIMARY KEY without NOT NULL, and 1 for '1' as a default.
                sorted(
                    (n, kind, not pk and null, str(default).strip("'"), pk)
                    for _, n, kind, null, default, pk in rows("table_info", table)
                ),
                sorted(row[2:] for row in rows("foreign_key_list", table)),
                sorted(
                    (unique, [column for _, _, column in rows("index_info", name)])
                    for _, name, unique, *_ in rows("index_list", table)
                ),
            )
            for table in Base.metadata.tables
        }


def test_a_new_database_has_the_tables_of_the_code(tmp_path: Path) -> None:
    """The migrations make every table, column, type and index of `tables.py`, and nothing else."""
    engine = open_state(tmp_path / "state.db")
    assert differences(engine) == []
    engine.dispose()


@pytest.mark.parametrize("sql", [OLD, OLDER], ids=["old", "older"])
def test_an_earlier_database_comes_to_the_same(sql: str, tmp_path: Path) -> None:
    """A database of an earlier Starfort holds the same as a new one after it was opened."""
    open_state(tmp_path / "new.db").dispose()
    open_state(made(tmp_path / "state.db", sql)).dispose()
    assert facts(tmp_path / "state.db") == facts(tmp_path / "new.db")


def test_a_table_that_no_migration_makes_is_noticed(tmp_path: Path) -> None:
    """The comparison above can fail: a column that only the code has is a difference."""
    engine = open_state(tmp_path / "state.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit DROP COLUMN detail")
    assert differences(engine) != []
    engine.dispose()


def test_rows_of_an_earlier_starfort_are_kept(tmp_path: Path) -> None:
    """Accounts with their second factor, sessions, alerts, audit and catalogue are there as before."""
    path = made(tmp_path / "state.db", OLD)
    rows = [line for line in dump(path) if line.startswith("INSERT") and "schema_version" not in line]
    open_state(path).dispose()
    assert set(rows) <= set(dump(path))


def test_columns_that_came_later_get_their_defaults(tmp_path: Path) -> None:
    """An alert of the earliest Starfort has one member and no score; an account has no second factor."""
    engine = open_state(made(tmp_path / "state.db", OLDER))
    with engine.connect() as connection:
        alert = connection.exec_driver_sql("SELECT title, score, members, ended_at FROM alerts").one()
        user = connection.exec_driver_sql("SELECT name, totp, totp_step FROM users").one()
    engine.dispose()
    assert (tuple(alert), tuple(user)) == (("Stuffing", None, 1, None), ("ann", None, 0))


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    """A database with the newest schema is opened without Alembic and stays as it is."""
    path = tmp_path / "state.db"
    open_state(path).dispose()
    before = dump(path)
    code = f"import sys, pathlib; from starfort.state.database import open_state; open_state(pathlib.Path({str(path)!r})); sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert dump(path) == before


@pytest.mark.parametrize(
    ("table", "version"), [("alembic_version", "0999"), ("admin_schema_version", "999")], ids=["new", "old"]
)
def test_newer_database_is_refused(table: str, version: str, tmp_path: Path) -> None:
    """A database of a newer Starfort is named with both versions, and not touched."""
    path = made(tmp_path / "state.db", f"CREATE TABLE {table} (v); INSERT INTO {table} VALUES ('{version}');")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            f"ALTER TABLE {table} RENAME v TO {'version_num' if table == 'alembic_version' else 'version'}"
        )
        connection.commit()
    before = dump(path)
    known = newest().lstrip("0")
    what = rf"state\.db has schema version 999, this Starfort knows {known}: start the Starfort that wrote it"
    with pytest.raises(StateError, match=what):
        open_state(path)
    assert dump(path) == before


def test_an_older_starfort_refuses_the_database(tmp_path: Path) -> None:
    """What Starfort read before Alembic says 3, of which it knew 2: it refuses instead of failing in the middle."""
    path = made(tmp_path / "state.db", OLD)
    open_state(path).dispose()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version FROM admin_schema_version").fetchall() == [(3,)]


@pytest.mark.parametrize("statement", [2, 12, 24])
def test_a_kill_in_the_middle_is_repeatable(statement: int, tmp_path: Path) -> None:
    """A process that is killed while it migrates leaves the database as it was; the next one finishes."""
    path = made(tmp_path / "state.db", OLDER)
    before = dump(path)
    child = os.fork()
    if child == 0:
        seen = 0

        @event.listens_for(Engine, "before_cursor_execute")
        def die(_c: object, _u: object, text: str, *_: object) -> None:
            nonlocal seen
            seen += text.lstrip().startswith(("CREATE", "ALTER", "INSERT"))
            if seen == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            open_state(path)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert dump(path) == before
    open_state(path).dispose()
    open_state(tmp_path / "new.db").dispose()
    assert facts(path) == facts(tmp_path / "new.db")


def test_two_processes_migrate_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that waited for another one's migration finds the newest schema and does nothing."""
    path = tmp_path / "state.db"
    open_state(path).dispose()
    monkeypatch.setattr(migrate, "_upgrade", lambda _: pytest.fail("migrated twice"))
    versions = iter([None, newest()])
    monkeypatch.setattr(migrate, "_version", lambda *_: next(versions))
    open_state(path).dispose()
