"""What a query may read: the store's tables, and nothing else of this machine or any other."""

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from starfort.store import QueryError, QueryLimitError, Store
from starfort.store.access import Examiner, make_server_reader, restrict, write_rights
from starfort.store.clickhouse import Reader

SECRET = "the-content-of-a-file-that-no-query-may-have"


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[str]:
    """A file with a secret, and a table of another database with a row."""
    path = tmp_path_factory.mktemp("secret") / "secret.txt"
    path.write_text(SECRET)
    for statement in (
        "CREATE DATABASE IF NOT EXISTS elsewhere",
        "CREATE TABLE IF NOT EXISTS elsewhere.secret (a UInt64, b String) ENGINE = MergeTree ORDER BY a",
        f"INSERT INTO elsewhere.secret VALUES (1, '{SECRET}')",
        "CREATE TABLE IF NOT EXISTS elsewhere.joined (k UInt64, v String) ENGINE = Join(ANY, LEFT, k)",
        """CREATE DICTIONARY IF NOT EXISTS elsewhere.words (a UInt64, b String) PRIMARY KEY a
        SOURCE(CLICKHOUSE(TABLE 'secret' DB 'elsewhere')) LAYOUT(FLAT()) LIFETIME(0)""",
    ):
        store.command(statement)
    yield str(path)
    store.command("DROP DATABASE elsewhere SYNC")


# {f} is the path of the file with the secret
FILES = [
    "SELECT file('{f}')",
    "SELECT `file`('{f}')",
    "SELECT \"file\"('{f}')",
    "SELECT `fi\\x6ce`('{f}')",
    "SELECT/**/file/**/('{f}')",
    "SELECT file('{f}', 'otherwise')",
    "SELECT file(concat('{f}', ''))",
    "WITH file('{f}') AS f SELECT f",
    "WITH (x -> file(x)) AS read SELECT read('{f}')",
    "SELECT arrayMap(file, ['{f}'])",
    "SELECT arrayMap(x -> file(x), ['{f}'])",
    "SELECT arrayFilter(x -> file(x) != '', ['{f}'])",
    "SELECT * APPLY(file) FROM (SELECT '{f}' AS a)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '{f}' AS a)",
    "SELECT COLUMNS('a') APPLY file FROM (SELECT '{f}' AS a)",
    "SELECT * REPLACE(file('{f}') AS a) FROM (SELECT '' AS a)",
    "SELECT 1 WHERE file('{f}') LIKE 'the%'",
    "SELECT 1 FROM events PREWHERE file('{f}') != ''",
    "SELECT 1 HAVING file('{f}') != ''",
    "SELECT count() FROM events GROUP BY file('{f}')",
    "SELECT 1 QUALIFY file('{f}') != ''",
    "SELECT 1 ORDER BY file('{f}')",
    "SELECT 1 LIMIT length(file('{f}'))",
    "SELECT 1 AS a ORDER BY a WITH FILL FROM 1 TO length(file('{f}'))",
    "SELECT 1 AS a, '' AS b ORDER BY a WITH FILL FROM 1 TO 3 INTERPOLATE (b AS file('{f}'))",
    "SELECT sum(1) OVER w WINDOW w AS (ORDER BY file('{f}'))",
    "SELECT x FROM numbers(1) ARRAY JOIN [file('{f}')] AS x",
    "SELECT 1 FROM numbers(length(file('{f}')))",
    "SELECT 1 FROM numbers(1) AS a JOIN numbers(2) AS b ON a.number = length(file('{f}'))",
    "SELECT '' UNION ALL SELECT file('{f}')",
    "SELECT '' INTERSECT SELECT file('{f}')",
    "SELECT (SELECT file('{f}'))",
    "SELECT 1 WHERE '' IN (SELECT file('{f}'))",
    "WITH RECURSIVE r AS (SELECT 1 AS n, '' AS t UNION ALL SELECT n + 1, file('{f}') FROM r WHERE n < 3) SELECT t FROM r",
    "WITH x AS MATERIALIZED (SELECT file('{f}') AS t) SELECT t FROM x",
    "SELECT quantile(length(file('{f}')))(1)",
    "SELECT * FROM view(SELECT file('{f}'))",
    "SELECT * FROM eval('SELECT file(''{f}'')') SETTINGS allow_experimental_eval_table_function = 1",
    "SELECT * FROM (SELECT * FROM eval(concat('SELECT fi', 'le(''{f}'')')) SETTINGS allow_experimental_eval_table_function = 1)",
    "SELECT * FROM (SELECT 1 AS a FROM numbers(3) SETTINGS additional_result_filter = 'file(''{f}'') != ''''')",
    "SELECT 1 FROM events SETTINGS additional_table_filters = {{'starfort.events': 'file(''{f}'') != '''''}}",
    "SELECT * FROM (SELECT 1 SETTINGS filter = 'file(''{f}'') != ''''')",
    "SELECT * FROM (SELECT 1 AS a SETTINGS `select` = 'file(''{f}'')')",
    "SELECT * FROM (SELECT 1 AS a SETTINGS max_threads = 1, log_comment = 'x\n', additional_result_filter = 'file(''{f}'') != ''''')",
    "SELECT * FROM file('{f}', 'LineAsString')",
    "SELECT * FROM `file`('{f}', 'LineAsString', 'l String')",
    "SELECT * FROM view(SELECT * FROM file('{f}', 'LineAsString', 'l String'))",
    "SELECT * FROM loop(file('{f}', 'LineAsString', 'l String')) LIMIT 1",
    "SELECT 1 WHERE 'x' IN (SELECT l FROM file('{f}', 'LineAsString', 'l String'))",
    "WITH t AS (SELECT * FROM file('{f}', 'LineAsString', 'l String')) SELECT * FROM t",
    "SELECT * FROM (DESCRIBE file('{f}'))",
    "DESCRIBE file('{f}', 'LineAsString')",
    "SELECT * FROM url('file://{f}', 'LineAsString', 'l String')",
    "SELECT * FROM sqlite('{f}', 't')",
    "SELECT * FROM filesystem('{f}')",
    "SELECT * FROM icebergLocal('{f}')",
    "SELECT * FROM deltaLakeLocal('{f}')",
    "SELECT * FROM paimonLocal('{f}')",
    "SELECT * FROM executable('cat {f}', 'TSV', 'a String')",
    "SELECT * FROM values('a String', (file('{f}')))",
    "SELECT * FROM `Python`(secret)",
    "SELECT * FROM (SELECT * FROM view(SELECT * FROM `Python`('secret')))",
    "SELECT 1 WHERE 'x' IN (SELECT a FROM `Python`(secret))",
    "SELECT * FROM fileCluster('default', '{f}', 'LineAsString', 'l String')",
]
PLACES = [
    f"SELECT * FROM {function}"
    for function in (
        "url('http://127.0.0.1:1/', 'LineAsString', 'l String')",
        "`url`('http://127.0.0.1:1/', 'LineAsString', 'l String')",
        "s3('http://127.0.0.1:1/bucket/x.csv', 'CSV', 'a String')",
        "gcs('http://127.0.0.1:1/bucket/x.csv', 'CSV', 'a String')",
        "hdfs('hdfs://127.0.0.1:1/x', 'TSV', 'a String')",
        "azureBlobStorage('http://127.0.0.1:1', 'a', 'b', 'c', 'ZA==', 'CSV', 'auto', 'a String')",
        "iceberg('http://127.0.0.1:1/bucket/x')",
        "deltaLake('http://127.0.0.1:1/bucket/x')",
        "hudi('http://127.0.0.1:1/bucket/x')",
        "remote('127.0.0.1:1', elsewhere.secret)",
        "remoteSecure('127.0.0.1:1', elsewhere.secret)",
        "cluster('default', elsewhere.secret)",
        "clusterAllReplicas('default', system.one)",
        "mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'x String')",
        "redis('127.0.0.1:1', 'k', 'k String')",
        "odbc('DSN=x', 'a', 'b')",
        "jdbc('x', 'a', 'b')",
        "ytsaurus('http://127.0.0.1:1', '//x', 't', 'a String')",
        "Python(frame)",
        "python(frame)",
        "input('a String')",
        "dictionary('elsewhere.words')",
    )
] + [
    "SELECT aiGenerate('x', map('credentials', 'c', 'url', 'http://127.0.0.1:1/'))",
    "SELECT arrayMap(aiGenerate, ['x'])",
]  # fmt: skip
TABLES = [
    "SELECT * FROM elsewhere.secret",
    "SELECT b FROM `elsewhere`.`secret`",
    "SELECT count() FROM elsewhere.secret",
    "SELECT * FROM merge('elsewhere', '.*')",
    "SELECT * FROM merge(REGEXP('.*'), 'secret')",
    "SELECT * FROM view(SELECT * FROM elsewhere.secret)",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM elsewhere.secret))",
    "SELECT * FROM (EXPLAIN SELECT * FROM elsewhere.secret)",
    "SELECT * FROM loop(elsewhere.secret) LIMIT 1",
    "SELECT * FROM mergeTreeIndex(elsewhere, secret)",
    "SELECT 1 WHERE 1 IN elsewhere.secret",
    "SELECT 1 WHERE 1 IN (SELECT a FROM elsewhere.secret)",
    "SELECT 1 FROM events WHERE received GLOBAL IN (SELECT a FROM elsewhere.secret)",
    "SELECT (SELECT any(b) FROM elsewhere.secret)",
    "WITH x AS (SELECT * FROM elsewhere.secret) SELECT * FROM x",
    "SELECT * FROM numbers(3) AS n JOIN elsewhere.secret AS s ON n.number = s.a",
    "SELECT dictGet('elsewhere.words', 'b', toUInt64(1))",
    "SELECT dictHas('elsewhere.words', toUInt64(1))",
    "SELECT joinGet('elsewhere.joined', 'v', toUInt64(1))",
    "SELECT * FROM system.tables",
    "SELECT count() FROM system.tables",
    "SELECT query FROM system.processes",
    "SELECT * FROM system.settings",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.parts",
    "SELECT * FROM system.users",
    "SELECT * FROM system.grants",
    "SELECT * FROM system.numbers LIMIT 1",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM INFORMATION_SCHEMA.COLUMNS",
    "SELECT * FROM merge('system', 'tables')",
    "SELECT name FROM system.one AS o, system.tables AS t",
    "SHOW TABLES FROM elsewhere",
    "SHOW CREATE TABLE elsewhere.secret",
    "SHOW GRANTS",
    "DESCRIBE TABLE elsewhere.secret",
    "EXISTS elsewhere.secret",
]
# {o} is a file that must not come to be
CHANGES = [
    "SELECT 1 INTO OUTFILE '{o}'",
    "SELECT 1 INTO OUTFILE '{o}' FORMAT CSV",
    "SELECT 1) INTO OUTFILE '{o}' SETTINGS max_threads = (1",
    "SELECT * FROM (SELECT 1) INTO OUTFILE '{o}'",
    "INSERT INTO FUNCTION file('{o}', 'CSV', 'a UInt8') SELECT 1",
    "SELECT 1; SELECT 2 INTO OUTFILE '{o}'",
    "SELECT 1; SET ROLE starfort_owner",
    "SELECT 1;;SELECT file('{f}')",
    "SELECT 1 -- ;\n; SET ROLE starfort_owner",
    "SELECT $$ $$; SET ROLE starfort_owner",
    "SELECT `a\\`;`; SET ROLE starfort_owner",
    "SELECT 1 # ;\n; SET ROLE starfort_owner",
    "SET ROLE starfort_owner",
    "SET ROLE ALL",
    "SET max_memory_usage = 0",
    "SET readonly = 0",
    "INSERT INTO events (id) VALUES ('x')",
    "ALTER TABLE events DELETE WHERE 1",
    "DROP TABLE events",
    "TRUNCATE TABLE events",
    "CREATE TABLE x (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE x (a UInt8)",
    "CREATE VIEW v AS SELECT 1",
    "CREATE FUNCTION f AS (x) -> x",
    "CREATE USER mallory",
    "GRANT ALL ON *.* TO default",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "BACKUP TABLE events TO File('{o}')",
    "ATTACH TABLE y FROM '/tmp' (a UInt8) ENGINE = MergeTree ORDER BY a",
    "EXECUTE AS default SELECT 1",
    "USE elsewhere",
    "EXPLAIN PLAN SELECT file('{f}')",
    "",
    "not SQL at all",
    "SELECT 'open",
    "SELECT 1 /*",
    "SELECT '\ud800'",
]
LIMITS = [
    "SELECT groupArray(number) FROM numbers(100000000)",
    "SELECT groupArray(number) FROM (SELECT number FROM numbers(100000000) SETTINGS max_memory_usage = 0)",
    "SELECT number FROM numbers(10000000)",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1 SETTINGS max_execution_time = 100000",
    "SELECT 1 SETTINGS max_memory_usage = 0",
    "SELECT 1 SETTINGS max_memory_usage = 100000000000",
    "SELECT 1 SETTINGS max_result_rows = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT sleep(3.1)",
    "SELECT sleepEachRow(1) FROM numbers(1000)",
]
WRAPPED = "SELECT * FROM (\n{}\n) ORDER BY 1 LIMIT 10"
"""As the runner of detectors does it."""


def filled(query: str, secret: str, out: Path) -> str:
    """An escape with the names of this run's files."""
    return query.replace("{{", "{").replace("}}", "}").replace("{f}", secret).replace("{o}", str(out))


def test_the_escapes_are_real(store: Store, secret: str, tmp_path: Path) -> None:
    """Without the restriction most of them give what they ask for: the tests below refuse real ones."""
    given = []
    for query in FILES + TABLES:
        with contextlib.suppress(QueryError):
            store.inspect(filled(query, secret, tmp_path / "out"))
            given.append(query)
    assert len(given) > 0.7 * len(FILES + TABLES)


ESCAPES = [(WRAPPED, query) for query in FILES + PLACES + TABLES + CHANGES] + [
    ("{}", query) for query in CHANGES
]


@pytest.mark.parametrize(("form", "query"), ESCAPES)
def test_escapes_are_refused(store: Store, secret: str, tmp_path: Path, form: str, query: str) -> None:
    """No query reads a file, another host, another database or ClickHouse's own tables, or changes anything."""
    out = tmp_path / "out"
    text = form.format(filled(query, secret, out))
    answer: Any = None
    with pytest.raises(QueryError) as caught:
        answer = store.query(text)
    assert answer is None
    assert not isinstance(caught.value, QueryLimitError)
    assert SECRET not in str(caught.value)
    assert not out.exists()
    assert store.query("SELECT currentRoles() AS roles") == [{"roles": []}]


@pytest.mark.parametrize("query", LIMITS)
def test_limits_cannot_be_lifted(store: Store, query: str) -> None:
    """A query's own SETTINGS lift no limit of time, memory or rows."""
    with pytest.raises(QueryError):
        store.query(query)


@pytest.mark.parametrize("reader", list(Reader))
def test_every_reader_is_restricted(store: Store, secret: str, reader: Reader) -> None:
    """The sessions of pages, detectors and checks alike; also the one that replaces a session after an error."""
    view = store.reading_as(reader)
    for _ in range(5):
        with pytest.raises(QueryError, match="Not enough privileges"):
            view.query("SELECT * FROM elsewhere.secret")
        with pytest.raises(QueryError, match="file is refused"):
            view.query(f"SELECT file('{secret}')")


BENIGN = [
    ("SELECT 1 AS x", 1),
    ("SELECT count() AS x FROM events WHERE path = 'file' OR path LIKE '%/file?format=%'", 0),
    ("SELECT count() AS x FROM events WHERE path = 'function_name: files' AND template != 'a;b'", 0),
    ("WITH a AS (SELECT number FROM numbers(10)), b AS (SELECT number FROM a WHERE number > 4) SELECT count() AS x FROM b", 5),
    ("WITH a AS MATERIALIZED (SELECT number FROM numbers(10)) SELECT count() AS x FROM a JOIN a AS b USING number", 10),
    ("SELECT count() AS x FROM events AS e JOIN traffic_1m AS t ON e.endpoint_id = t.endpoint_id", 0),
    ("SELECT count() AS x FROM events WHERE endpoint_id IN (SELECT endpoint_id FROM access_1s)", 0),
    ("SELECT max(r) AS x FROM (SELECT row_number() OVER (PARTITION BY number % 2 ORDER BY number) AS r FROM numbers(10))", 5),
    ("SELECT length(arrayFilter(v -> v > 1, arrayMap(v -> v + 1, [0, 1, 2]))) AS x", 2),
    ("SELECT sum(a) AS x FROM (SELECT 1 AS a UNION ALL SELECT 2)", 3),
    ("SELECT count() AS x FROM values('a UInt8', 1, 2, 3)", 3),
    ("SELECT any(generate_series) AS x FROM generate_series(5, 5)", 5),
    ("SELECT toUInt32(extractURLParameter('http://h/?file=7', 'file')) AS x", 7),
    ("SELECT 2 AS profile, profile AS x", 2),
    ("SELECT number AS x FROM numbers(3, 1) SETTINGS max_threads = 1, max_execution_time = 5, join_algorithm = 'hash'", 3),
    ("SELECT count() AS x FROM (SELECT 1 SETTINGS max_block_size = 100, group_by_overflow_mode = 'any') -- ; done", 1),
    ("SELECT 1 AS x;", 1),
    ("SELECT 1 AS x /* /* nested */ ; SET ROLE starfort_owner */", 1),
    ("SELECT JSONExtractInt('{\"file\": 4}', 'file') AS x", 4),
    ("SELECT upper('x') = 'X' AS x, hostName() != '' AS y", 1),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), BENIGN)
def test_what_detectors_need_is_granted(store: Store, query: str, expected: int) -> None:
    """CTEs, joins over our tables, windows, numbers, arrays, settings, and words that look like escapes."""
    assert store.query(query)[0]["x"] >= expected


def test_values_are_never_examined(store: Store, secret: str) -> None:
    """A parameter may hold any text: it is data."""
    value = f"'; SELECT file('{secret}') INTO OUTFILE '/x' \n\t\\ --"
    rows = store.query(
        "SELECT {v:String} AS v, length({a:Array(String)}) AS n", {"v": value, "a": [value, "file"]}
    )
    assert rows == [{"v": value, "n": 2}]


def test_every_query_of_ours_passes(store: Store) -> None:
    """Every query that pages, detectors and checks come with is a single SELECT with nothing refused in it."""
    import starfort
    from starfort.posture.check import Check
    from starfort.questions.ask import bounded
    from starfort.questions.question import load_all
    from starfort.signals.detector import Detector

    package = Path(starfort.__file__).parent
    texts = [path.read_text() for path in package.glob("*/queries/*.sql")]
    detectors = load_all(Detector, sorted(package.glob("*/detectors/*.sql")))
    checks = load_all(Check, sorted(package.glob("*/checks/*.sql")))
    texts += [bounded(question.sql, 10) for question in (*detectors, *checks)]
    texts += [bounded(detector.gate, 1) for detector in detectors if detector.gate]
    assert len(texts) > 20
    asked: list[str] = []

    def run(sql: str, parameters: Any) -> str:
        asked.append(sql)
        if sql.startswith("SELECT formatQuerySingleLine"):
            return str(store.query("SELECT formatQuerySingleLine({t:String}) AS t", {"t": text})[0]["t"])
        return "QUERY id: 0"

    for text in texts:
        Examiner(frozenset({"filter"})).check(run, text, {})
    assert len(asked) == 2 * len(texts)


def test_a_query_is_examined_once(store: Store) -> None:
    """The second run of a text costs no question; a refused one stays refused."""
    asked: list[str] = []

    def run(sql: str, parameters: Any) -> str:
        asked.append(sql)
        return (
            "SELECT 1"
            if sql.startswith("SELECT")
            else "FUNCTION id: 1, function_name: file, function_type: ordinary"
        )

    examiner = Examiner(frozenset())
    for _ in range(3):
        with pytest.raises(RuntimeError, match="file is refused"):
            examiner.check(run, "SELECT file('x')", {})
    assert len(asked) == 2


def test_rights_that_are_not_in_force_open_no_session() -> None:
    """A ClickHouse that does not take the file with the rights is not used to read."""

    class Unheeding:
        def query(self, *_: str) -> str:
            return "GRANT ALL ON *.* TO default\n"

    with pytest.raises(RuntimeError, match="instead of"):
        restrict(Unheeding())


def test_the_file_with_the_rights_is_private(store: Store) -> None:
    """Whoever could write it could give queries more."""
    path = Path(store._client._target.partition("?")[0]) / "access.xml"  # type: ignore[attr-defined]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_with_the_rights_is_mended_and_else_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody changed is written anew; what is right stays, so that a full disk stops no start."""
    file = write_rights(tmp_path, 1 << 30)
    right = file.read_text()
    file.write_text(right.replace("GRANT SELECT", "GRANT ALL"))
    assert write_rights(tmp_path, 1 << 30).read_text() == right
    file.chmod(0o666)
    write_rights(tmp_path, 1 << 30)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.open", full)
    assert write_rights(tmp_path, 1 << 30) == file
    with pytest.raises(OSError, match="No space"):
        write_rights(tmp_path, 2 << 30)


def test_on_a_server_a_second_user_reads() -> None:
    """The statements make a user with SELECT on our database; two control planes agree on its password."""
    ran: list[str] = []
    url = "clickhouse://own%40er:p%40ss@ch.example:8443/star%20fort"
    first = make_server_reader(ran.append, url, "ON CLUSTER `main`")
    again: list[str] = []
    assert make_server_reader(again.append, url, "ON CLUSTER `main`") == first
    assert again == ran
    assert first.startswith("clickhouse://own%40er_reader:")
    assert first.endswith("@ch.example:8443/star%20fort")
    assert "p@ss" not in first + "".join(ran)
    assert first.split(":")[2].split("@")[0] not in "".join(ran)
    assert ran[-2:] == [
        "REVOKE ON CLUSTER `main` ALL ON *.* FROM `own@er_reader`",
        "GRANT ON CLUSTER `main` SELECT ON `star fort`.* TO `own@er_reader`",
    ]
    assert make_server_reader(again.append, url.replace("p%40ss", "other")) != first


def test_server_statements_are_clickhouse_sql(store: Store) -> None:
    """ClickHouse's parser takes every statement that makes the reader."""
    ran: list[str] = []
    make_server_reader(ran.append, "clickhouse://a`b:c@h/d`e", "ON CLUSTER `x`")
    for statement in ran:
        store.query("SELECT formatQuerySingleLine({q:String}) AS q", {"q": statement})
