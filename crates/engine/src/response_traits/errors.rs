//! What the body of a failure gives away: stack traces, errors of databases, paths of files, debug pages.
//!
//! One search for all literals, and a closer look only where one stands. The literals are what runtimes and drivers print
//! themselves; words that people write in messages (`error`, `SQL`, `/home`) are not enough.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::{ResponseTrait, ResponseTraits};

/// Bytes of a body that are looked at: what a failure shows stands at its beginning.
const MAX_BYTES: usize = 64 * 1024;

/// What has to stand around a literal.
#[derive(Debug, Clone, Copy)]
enum Around {
    /// Nothing: no other text has it.
    Anything,
    /// A digit behind it.
    Digit,
    /// The beginning of a path before it, and a file's name with an extension of programs behind it.
    File,
    /// The beginning of a path before it.
    Start,
}

use Around::{Anything, Digit, File, Start};
use ResponseTrait::{DebugPage, Path, Sql, StackTrace};

const LITERALS: &[(&str, ResponseTrait, Around)] = &[
    ("Traceback (most recent call last)", StackTrace, Anything),
    (".java:", StackTrace, Digit),
    (".kt:", StackTrace, Digit),
    (".scala:", StackTrace, Digit),
    (".cs:line ", StackTrace, Digit),
    (".vb:line ", StackTrace, Digit),
    (".js:", StackTrace, Digit),
    (".ts:", StackTrace, Digit),
    (".rb:", StackTrace, Digit),
    (".go:", StackTrace, Digit),
    (".rs:", StackTrace, Digit),
    (".ex:", StackTrace, Digit),
    (".php:", StackTrace, Digit),
    (".php(", StackTrace, Digit),
    (".php on line ", StackTrace, Anything),
    (".php</b> on line ", StackTrace, Anything),
    (".py\", line ", StackTrace, Digit),
    (".py\\\", line ", StackTrace, Digit),
    ("goroutine ", StackTrace, Digit),
    ("at Object.<anonymous>", StackTrace, Anything),
    ("node:internal/", StackTrace, Anything),
    ("(native method)", StackTrace, Anything),
    ("Exception in thread \"", StackTrace, Anything),
    ("   at System.", StackTrace, Anything),
    ("   at Microsoft.", StackTrace, Anything),
    ("' panicked at ", StackTrace, Anything),
    ("SQLSTATE[", Sql, Anything),
    ("You have an error in your SQL syntax", Sql, Anything),
    ("ORA-0", Sql, Digit),
    ("PLS-0", Sql, Digit),
    ("PG::", Sql, Anything),
    ("psycopg2.", Sql, Anything),
    ("psycopg.errors", Sql, Anything),
    ("sqlite3.OperationalError", Sql, Anything),
    ("sqlite3.IntegrityError", Sql, Anything),
    ("SQLITE_ERROR", Sql, Anything),
    ("SQLITE_CONSTRAINT", Sql, Anything),
    ("SQLite3::", Sql, Anything),
    ("com.mysql.", Sql, Anything),
    ("org.postgresql.", Sql, Anything),
    ("oracle.jdbc.", Sql, Anything),
    ("java.sql.SQL", Sql, Anything),
    ("org.hibernate.", Sql, Anything),
    ("System.Data.SqlClient", Sql, Anything),
    ("Microsoft.Data.SqlClient", Sql, Anything),
    ("Microsoft OLE DB Provider", Sql, Anything),
    ("ODBC SQL Server Driver", Sql, Anything),
    ("[ODBC Driver ", Sql, Digit),
    ("Unclosed quotation mark after", Sql, Anything),
    ("Incorrect syntax near '", Sql, Anything),
    ("unterminated quoted string at or near", Sql, Anything),
    ("syntax error at or near \"", Sql, Anything),
    ("syntax error at or near \\\"", Sql, Anything),
    (
        "duplicate key value violates unique constraint",
        Sql,
        Anything,
    ),
    ("violates foreign key constraint", Sql, Anything),
    ("no such column: ", Sql, Anything),
    ("no such table: ", Sql, Anything),
    ("MySQLSyntaxErrorException", Sql, Anything),
    ("MySqlException", Sql, Anything),
    ("mysqli_", Sql, Anything),
    ("mysql_fetch_", Sql, Anything),
    ("pg_query()", Sql, Anything),
    ("ER_PARSE_ERROR", Sql, Anything),
    ("ER_DUP_ENTRY", Sql, Anything),
    ("SequelizeDatabaseError", Sql, Anything),
    ("QueryFailedError", Sql, Anything),
    ("PrismaClientKnownRequestError", Sql, Anything),
    ("MongoServerError", Sql, Anything),
    ("E11000 duplicate key", Sql, Anything),
    ("sqlalchemy.exc.", Sql, Anything),
    ("django.db.utils.", Sql, Anything),
    ("ActiveRecord::", Sql, Anything),
    ("PDOException", Sql, Anything),
    ("DB2 SQL error", Sql, Anything),
    ("/var/www/", Path, Start),
    ("/usr/local/lib/", Path, Start),
    ("/usr/local/bundle/", Path, Start),
    ("/usr/lib/", Path, Start),
    ("/usr/share/", Path, Start),
    ("/usr/src/app/", Path, Start),
    ("/var/task/", Path, Start),
    ("/opt/", Path, File),
    ("/srv/", Path, File),
    ("/home/", Path, File),
    ("/root/", Path, File),
    ("/app/", Path, File),
    ("/Users/", Path, File),
    ("/etc/", Path, File),
    ("/workspace/", Path, File),
    ("/node_modules/", Path, Anything),
    ("/site-packages/", Path, Anything),
    ("\\inetpub\\", Path, Anything),
    (":\\\\Users\\\\", Path, Anything),
    (":\\Users\\", Path, Anything),
    (":\\Windows\\", Path, Anything),
    ("Werkzeug Debugger", DebugPage, Anything),
    ("<code>DEBUG = True</code>", DebugPage, Anything),
    (
        "Whoops, looks like something went wrong",
        DebugPage,
        Anything,
    ),
    ("Action Controller: Exception caught", DebugPage, Anything),
    ("Server Error in '/", DebugPage, Anything),
    ("sf-dump", DebugPage, Anything),
    ("Symfony Exception", DebugPage, Anything),
    ("Rails.root: ", DebugPage, Anything),
    ("<title>phpinfo()", DebugPage, Anything),
    ("spatie/laravel-ignition", DebugPage, Anything),
    ("laravel/framework", DebugPage, Anything),
    ("BetterErrors", DebugPage, Anything),
];

/// Extensions of files with programs and their settings.
const EXTENSIONS: &[&[u8]] = &[
    b"cfg",
    b"class",
    b"conf",
    b"cs",
    b"dll",
    b"env",
    b"erb",
    b"ex",
    b"exs",
    b"go",
    b"ini",
    b"jar",
    b"java",
    b"js",
    b"json",
    b"jsx",
    b"log",
    b"mjs",
    b"php",
    b"pl",
    b"properties",
    b"py",
    b"rb",
    b"rs",
    b"sh",
    b"so",
    b"sql",
    b"toml",
    b"ts",
    b"tsx",
    b"twig",
    b"war",
    b"xml",
    b"yaml",
    b"yml",
];

/// Searches the bodies of failures.
#[derive(Debug)]
pub(crate) struct Errors {
    // `None` cannot be for a fixed list; without it nothing is found, and a test would show that.
    searcher: Option<AhoCorasick>,
}

impl Default for Errors {
    fn default() -> Self {
        let literals = LITERALS.iter().map(|(literal, ..)| literal);
        Self {
            searcher: AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(literals)
                .ok(),
        }
    }
}

impl Errors {
    /// What a body gives away.
    pub(crate) fn of(&self, body: &[u8]) -> ResponseTraits {
        let mut found = ResponseTraits::default();
        let Some(searcher) = &self.searcher else {
            return found;
        };
        let body = body.get(..MAX_BYTES).unwrap_or(body);
        for one in searcher.find_overlapping_iter(body) {
            let Some((_, shown, around)) = LITERALS.get(one.pattern().as_usize()) else {
                continue;
            };
            if !found.contains(*shown) && fits(body, one.start(), one.end(), *around) {
                found.insert(*shown);
            }
        }
        found
    }
}

fn fits(body: &[u8], start: usize, end: usize, around: Around) -> bool {
    let behind = body.get(end..).unwrap_or_default();
    match around {
        Anything => true,
        Digit => behind.first().is_some_and(u8::is_ascii_digit),
        Start => begins_path(body, start),
        File => begins_path(body, start) && names_file(behind),
    }
}

/// Whether a path begins here: not in the middle of a URL or of another path.
fn begins_path(body: &[u8], start: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| body.get(at));
    before.is_none_or(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'(' | b'[' | b'>' | b'`' | b'\n' | b'\t' | b'=' | b':'))
        // `https://host:/…` and `file:///…` are URLs, and `GET /home/…` says again what was asked for.
        && !body.get(..start).unwrap_or_default().ends_with(b"GET ")
}

/// Whether what follows up to the next blank or quote names a file of a program.
fn names_file(behind: &[u8]) -> bool {
    const LONGEST: usize = 256;
    let window = behind.get(..LONGEST).unwrap_or(behind);
    let is_end = |byte: &u8| {
        matches!(
            byte,
            b' ' | b'"'
                | b'\''
                | b')'
                | b'<'
                | b'\n'
                | b'\r'
                | b','
                | b':'
                | b';'
                | b'\\'
                | b'`'
                | b']'
        )
    };
    let end = window.iter().position(is_end).unwrap_or(window.len());
    let path = window.get(..end).unwrap_or_default();
    let dot = memchr::memrchr(b'.', path);
    let extension = dot.and_then(|dot| path.get(dot + 1..));
    extension.is_some_and(|extension| EXTENSIONS.binary_search(&extension).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(body: &str) -> Vec<&'static str> {
        Errors::default().of(body.as_bytes()).codes().collect()
    }

    #[test]
    fn what_runtimes_and_drivers_print_is_found() {
        for (body, expected) in [
            (
                "Traceback (most recent call last):\n  File \"/srv/shop/app.py\", line 12, in get\nKeyError: 'x'",
                vec!["error:stack_trace", "error:path"],
            ),
            (
                r#"{"trace":"java.lang.NullPointerException\n\tat com.shop.Orders.find(Orders.java:42)"}"#,
                vec!["error:stack_trace"],
            ),
            (
                r#"{"stack":"TypeError: x\n    at Object.<anonymous> (/app/src/orders.js:10:3)"}"#,
                vec!["error:stack_trace", "error:path"],
            ),
            (
                "   at Shop.Orders.Get() in C:\\\\Users\\\\build\\\\Orders.cs:line 12",
                vec!["error:stack_trace", "error:path"],
            ),
            (
                "<b>Fatal error</b> in <b>/var/www/html/index.php</b> on line <b>3</b>",
                vec!["error:stack_trace", "error:path"],
            ),
            (
                "goroutine 1 [running]:\nmain.main()",
                vec!["error:stack_trace"],
            ),
            (
                "/srv/shop/app/models/order.rb:12:in `find'",
                vec!["error:stack_trace", "error:path"],
            ),
            (
                "thread 'main' panicked at src/main.rs:4:5",
                vec!["error:stack_trace"],
            ),
            ("SQLSTATE[42000]: Syntax error", vec!["error:sql"]),
            (
                "You have an error in your SQL syntax; check the manual",
                vec!["error:sql"],
            ),
            (
                r#"{"error":"ERROR: syntax error at or near \"x\""}"#,
                vec!["error:sql"],
            ),
            (
                "ORA-00933: SQL command not properly ended",
                vec!["error:sql"],
            ),
            ("SQLITE_ERROR: no such column: x", vec!["error:sql"]),
            (
                "E11000 duplicate key error collection: shop.users",
                vec!["error:sql"],
            ),
            (
                "ENOENT: no such file or directory, open '/home/node/app/config.json'",
                vec!["error:path"],
            ),
            (
                "<title>KeyError // Werkzeug Debugger</title>",
                vec!["error:debug_page"],
            ),
        ] {
            assert_eq!(shown(body), expected, "{body}");
        }
    }

    #[test]
    fn what_people_write_in_messages_is_not() {
        for body in [
            "",
            r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"No order 17"}"#,
            r#"{"error":"The SQL course was not found"}"#,
            r#"{"error":"Cannot GET /home/page"}"#,
            r#"{"error":"GET /etc/config.json not found"}"#,
            r#"{"instance":"/app/orders/17"}"#,
            r#"{"docs":"https://docs.example.com/home/errors.json"}"#,
            r#"{"message":"invalid value at line 3, column 4"}"#,
            r#"{"error":"stack overflow of the warehouse"}"#,
            r#"{"message":"Node.js: the runtime is not supported"}"#,
            r#"{"message":"duplicate key"}"#,
            r#"{"message":"goroutine leaks are discussed"}"#,
            r#"{"time":"12:30","file":"orders.js"}"#,
            r#"{"message":"trace id 4bf92f3577b34da6a3ce929d0e0e4736"}"#,
            r#"{"link":"https://cdn.example.com/app/main.js"}"#,
        ] {
            assert_eq!(shown(body), Vec::<&str>::new(), "{body}");
        }
    }

    #[test]
    fn lists_are_sorted_and_long_bodies_cut() {
        assert!(EXTENSIONS.is_sorted());
        let long = format!("{}SQLSTATE[", " ".repeat(MAX_BYTES));
        assert_eq!(shown(&long), Vec::<&str>::new());
    }

    proptest! {
        /// Any bytes: no panic.
        #[test]
        fn any_bytes(body in prop::collection::vec(prop_oneof![prop::sample::select(b"/.:\\jsphomeapt(1 \"'".to_vec()), any::<u8>()], 0..200)) {
            let _ = Errors::default().of(&body);
        }
    }
}
