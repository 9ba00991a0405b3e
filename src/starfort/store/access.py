"""Limits what a query may read by grants of ClickHouse, so that no text has to be judged harmless.

Embedded ClickHouse knows one user. Its rights come from a file that is written before each start: by itself
the user may only `SELECT` from the tables of our database, and it has everything else through the role
`OWNER`. The writer's session keeps that role, every reader's session drops it (`SET ROLE NONE`) before it
runs anything. So `file`, `url`, `s3`, `remote`, `executable`, other databases, temporary tables, dictionaries
and every change are refused by ClickHouse itself, in whatever spelling, subquery or view they stand.

Five things have no grant in chDB 26.9 and are closed here:

- Tables of `system` are readable for everybody, since chDB does not read
  `select_from_system_db_requires_grant`. A row policy on the whole database refuses them to sessions
  without the role; `system.one` stays, which a `SELECT` without `FROM` reads.
- The function `file(path)` is not checked in a ClickHouse that is no server (`Functions/file.cpp`), and the
  `ai…` functions call a model at an address that the query names. `Examiner` refuses them.
- The table function `eval` runs text as a query, and settings that hold text may hold an expression
  (`additional_result_filter`): both would hide such a function. `Examiner` refuses them.
- The table function `Python`, written between backticks, reads objects of this process by the names of its
  variables. `Examiner` refuses it.
- chDB runs several statements in one text, and `INTO OUTFILE` in this process. `Examiner` refuses both.

`Examiner` does not read the text: it asks ClickHouse's own parser what the text is.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from xml.sax.saxutils import escape

from starfort.base.files import PRIVATE_FILE, write_private

if TYPE_CHECKING:
    from chdb.session import Session

DATABASE: Final = "starfort"
"""The embedded store's database; readers may read all of its tables, which hold events and sums of events."""

OWNER: Final = "starfort_owner"
"""The role that may do everything; readers drop it."""

FILE: Final = "access.xml"
"""Name of the file with users and rights, within the store's directory."""


LONGEST_S: Final = 60
"""The most that `max_execution_time` of a query's own `SETTINGS` may be, in seconds."""

MOST_ROWS: Final = 200_000
"""The most that `max_result_rows` of a query's own `SETTINGS` may be."""

_RIGHTS: Final = """<clickhouse>
  <!-- Written by Starfort at every start; changes are lost. What it means: starfort/store/access.py -->
  <users_config>{path}</users_config>
  <profiles><default><constraints>
    <max_execution_time><min>0.001</min><max>{seconds}</max></max_execution_time>
    <max_memory_usage><min>1</min><max>{memory}</max></max_memory_usage>
    <max_result_rows><min>1</min><max>{rows}</max></max_result_rows>
  </constraints></default></profiles>
  <quotas><default/></quotas>
  <roles><{owner}><grants><query>GRANT ALL ON *.*</query></grants></{owner}></roles>
  <users><default>
    <password></password>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants><query>GRANT SELECT ON {database}.*</query><query>GRANT {owner}</query></grants>
    <databases><system>
      <one><filter>1</filter></one>
      <table name=""><filter>throwIf(NOT has(currentRoles(), '{owner}'),
        'tables of system are not for queries') = 0</filter></table>
    </system></databases>
  </default></users>
</clickhouse>
"""
"""ClickHouse's `users.xml`. An empty table name stands for every table of the database. The constraints hold
for `SETTINGS` of a query; a session that sets nothing has ClickHouse's defaults all the same."""

_REFUSED: Final = re.compile(
    r"(?<!table_)function_name: (?P<function>file|ai[A-Z]\w*)\b"
    r"|(?<!\w)identifier: (?P<identifier>file|ai[A-Z]\w*)\s*$"
    r"|table_function_name: (?P<table_function>eval|Python)\b",
    re.MULTILINE,
)
"""Nodes of ClickHouse's query tree. An identifier counts, since `arrayMap(file, …)` takes a function by its
name; a column that is named so needs another name."""

_MOST_KEPT: Final = 1024
"""Texts whose examination is remembered: a few hundred queries of ours and 500 detectors."""

_IN_SCOPE: Final = re.compile(r":? ?In scope SELECT formatQuerySingleLine.*", re.DOTALL)

Run = Callable[[str, Mapping[str, str]], str]
"""Runs a statement with parameters on a reader's session and gives its output as raw text."""


class RefusedQueryError(RuntimeError):
    """A query that asks for what no query may have; the text says what."""


def write_rights(path: Path, memory_bytes: int) -> Path:
    """Write the file with users and rights, mode 0600.

    Args:
        path: the store's directory.
        memory_bytes: the most that one query may be given.

    Returns:
        The file, absolute, for ClickHouse's `config-file`.

    Raises:
        OSError: it cannot be written.
    """
    file = path.resolve() / FILE
    text = _RIGHTS.format(
        path=escape(str(file)), seconds=LONGEST_S, memory=memory_bytes, rows=MOST_ROWS, owner=OWNER,
        database=DATABASE,
    )  # fmt: skip
    with contextlib.suppress(OSError):
        if file.read_text("utf-8") == text and stat.S_IMODE(file.stat().st_mode) == PRIVATE_FILE:
            return file  # as it is: a full disk need not keep the store from opening
    write_private(file, text.encode())
    return file


def restrict(session: Session) -> None:
    """Make a session of chDB one that can only read our tables, for as long as it lives.

    Args:
        session: a new session that has run nothing of others yet.

    Raises:
        RuntimeError: ClickHouse refuses, or the rights that it has in force are not those of `write_rights`.
    """
    session.query("SET enable_materialized_cte = 1")
    session.query("SET ROLE NONE")
    # Asked and compared, not trusted: a newer chDB that reads the file otherwise must not open the store
    # wide.
    granted = set(str(session.query("SHOW GRANTS", "TSVRaw")).strip().split("\n"))
    expected = {f"GRANT SELECT ON {DATABASE}.* TO default", f"GRANT {OWNER} TO default"}
    if granted != expected:
        raise RuntimeError(f"ClickHouse grants queries {sorted(granted)} instead of {sorted(expected)}")


class Examiner:
    """Asks ClickHouse's parser what a query is before it runs for the first time.

    Args:
        text_settings: names of the settings that hold text, which may hold an expression.
    """

    def __init__(self, text_settings: frozenset[str]) -> None:
        names = "|".join(re.escape(name) for name in sorted(text_settings))
        # A line break in a list of settings comes from the value of a setting that holds text, whose name
        # then stands in the same line.
        self._setting = re.compile(rf"^\s*SETTINGS (?:.*[^\w.])?({names})=", re.MULTILINE)
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, run: Run, sql: str, parameters: Mapping[str, str]) -> None:
        """Let a query pass, or refuse it.

        Args:
            run: runs a statement on the session that the query is for.
            sql: the query.
            parameters: its parameters, as ClickHouse reads them.

        Raises:
            RefusedQueryError: it is no single SELECT, or asks for what no query may have.
            RuntimeError: ClickHouse cannot read it.
        """
        # A text is examined once, whatever its parameters are: they are values and change nothing of the
        # tree.
        with self._lock:
            refusal = self._known.get(sql)
        if refusal is None:
            refusal = self._examine(run, sql, parameters)
            with self._lock:
                self._known[sql] = refusal
                while len(self._known) > _MOST_KEPT:
                    self._known.popitem(last=False)
        if refusal:
            raise RefusedQueryError(refusal)

    def _examine(self, run: Run, sql: str, parameters: Mapping[str, str]) -> str:
        try:
            sql.encode()
        except UnicodeEncodeError:
            return "a query is Unicode text without lone surrogates"
        try:
            # As a value: whatever the text is, it is read and not run. Several statements are an error.
            statement = run(
                "SELECT formatQuerySingleLine({starfort_text:String})", {"starfort_text": _value(sql)}
            )
        except RuntimeError as error:
            raise RuntimeError(_IN_SCOPE.sub("", str(error))) from None
        # In brackets ClickHouse takes only a SELECT without INTO OUTFILE and FORMAT. Without passes the tree
        # is what stands in the text: nothing is looked up, and no function runs.
        tree = run(
            f"EXPLAIN QUERY TREE run_passes = 0 SELECT * FROM (\n{statement}\n)",  # noqa: S608 (ClickHouse's own text)
            parameters,
        )
        found = _REFUSED.search(tree)
        if found is not None:
            name = found["function"] or found["identifier"] or found["table_function"]
            return (
                f"{name} is refused: a query reads the tables of the store only"
                f" (a column of that name needs another name)"
            )
        setting = self._setting.search(tree)
        if setting is not None:
            return f"the setting {setting[1]} is refused: a query may set no setting that holds text"
        return ""


def _value(text: str) -> str:
    """A text as ClickHouse reads the value of a String parameter."""
    for plain, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0")):
        text = text.replace(plain, written)
    return text


TEXT_SETTINGS: Final = "SELECT name FROM system.settings WHERE type IN ('String', 'Map', 'URI', 'Dialect')"
"""Names of settings whose value is free text; numbers and fixed words hide no expression."""


# ---- a server


def reader_password(owner_password: str) -> str:
    """The reader's password on a server, the same for every control plane that has the owner's.

    Args:
        owner_password: that of the user in the store's address.
    """
    return hmac.new(owner_password.encode(), b"starfort store reader 1", hashlib.sha256).hexdigest()


def make_server_reader(command: Callable[[str], object], url: str, on_cluster: str = "") -> str:
    """Make a user on a server that may read our database and nothing else, or renew its rights.

    Args:
        command: runs a statement as the user that owns the database.
        url: that user's address, `clickhouse://user:password@host:port/database`.
        on_cluster: `ON CLUSTER name`, or "".

    Returns:
        The same address with the reader's name and password.

    Raises:
        Exception: whatever `command` raises.
    """
    parts = urlsplit(url)
    database = unquote(parts.path.lstrip("/")) or "default"
    name = f"{unquote(parts.username or 'default')}_reader"
    password = reader_password(unquote(parts.password or ""))
    for statement in server_statements(database, name, password, on_cluster):
        command(statement)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(name, safe='')}:{password}@{place}"))


def server_statements(database: str, user: str, password: str, on_cluster: str = "") -> list[str]:
    """What makes a user on a server that may read our database and nothing else.

    Args:
        database: ours.
        user: name of the reader.
        password: its password; hexadecimal, so that it needs no quoting.
        on_cluster: `ON CLUSTER name`, or "".
    """
    quoted, user = database.replace("`", "``"), user.replace("`", "``")
    limits = (
        f"SETTINGS max_execution_time = {LONGEST_S} MIN 0.001 MAX {LONGEST_S},"
        f" max_result_rows = {MOST_ROWS} MIN 1 MAX {MOST_ROWS}"
    )
    digest = hashlib.sha256(password.encode()).hexdigest()
    # Created, then altered: the user of an earlier version gets the password and the limits of this one.
    # Rights are revoked before they are granted, so that it keeps none that somebody else gave it.
    return [
        f"CREATE USER IF NOT EXISTS `{user}` {on_cluster} IDENTIFIED WITH sha256_hash BY '{digest}' {limits}",
        f"ALTER USER `{user}` {on_cluster} IDENTIFIED WITH sha256_hash BY '{digest}' {limits}",
        f"REVOKE {on_cluster} ALL ON *.* FROM `{user}`",
        f"GRANT {on_cluster} SELECT ON `{quoted}`.* TO `{user}`",
    ]
