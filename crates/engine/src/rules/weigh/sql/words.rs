//! Words of SQL. The lists are sorted, because `Word::is_in` uses a binary search.

/// Words that may follow the name of a table.
pub(super) const AFTER_TABLE: &[&str] = &[
    "cross",
    "group",
    "having",
    "inner",
    "into",
    "join",
    "left",
    "limit",
    "natural",
    "order",
    "outer",
    "procedure",
    "union",
    "where",
];

/// Operators that may be glued to the end of a string.
pub(super) const GLUED: &[&str] = &[
    "and", "div", "having", "into", "like", "or", "order", "regexp", "rlike", "union", "xor",
];

/// Words that may continue an injection after a name or a number in a sentence.
pub(super) const BEHIND_NAME: &[&str] = &[
    "and",
    "except",
    "intersect",
    "into",
    "or",
    "procedure",
    "union",
    "waitfor",
    "xor",
];

/// Operators that are words and compare.
pub(super) const COMPARING: &[&str] = &[
    "between", "glob", "ilike", "in", "is", "like", "not", "regexp", "rlike",
];

/// Words with which statements begin.
pub(super) const STATEMENTS: &[&str] = &[
    "alter", "begin", "commit", "create", "declare", "delete", "explain", "grant", "insert",
    "merge", "rollback", "select", "set", "show", "update", "use", "with",
];

/// The objects that definitions name.
pub(super) const OBJECTS: &[&str] = &[
    "column",
    "constraint",
    "database",
    "event",
    "extension",
    "function",
    "index",
    "login",
    "materialized",
    "or",
    "procedure",
    "role",
    "schema",
    "sequence",
    "table",
    "tablespace",
    "temp",
    "temporary",
    "trigger",
    "unique",
    "user",
    "view",
];

/// Words that are never an operand.
pub(super) const NO_OPERAND: &[&str] = &[
    "a", "an", "and", "as", "by", "from", "group", "having", "in", "into", "is", "join", "limit",
    "not", "of", "on", "or", "order", "our", "that", "the", "their", "these", "this", "those",
    "union", "where", "xor", "your",
];

/// Words that, before a number, belong to a statement.
pub(super) const KEYWORDS: &[&str] = &[
    "and", "between", "by", "elif", "elsif", "if", "in", "into", "is", "like", "limit", "not",
    "offset", "or", "return", "select", "set", "then", "top", "values", "when", "where", "while",
];

/// Functions that only injections call.
pub(super) const WAITS: &[&str] = &[
    "benchmark",
    "dbms_pipe",
    "extractvalue",
    "load_file",
    "pg_sleep",
    "sleep",
    "updatexml",
    "utl_http",
    "utl_inaddr",
    "xp_cmdshell",
];

/// Functions with which injections wait, read and compare, and which prose and other languages seldom call (the manuals
/// of `MySQL` 8, `PostgreSQL` 17, `SQL Server` 2022, Oracle 23 and `SQLite` 3).
pub(super) const FUNCTIONS: &[&str] = &[
    "ascii",
    "benchmark",
    "bin",
    "cast",
    "char",
    "char_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "convert",
    "count",
    "current_user",
    "database",
    "db_name",
    "dbms_lock",
    "dbms_pipe",
    "elt",
    "exp",
    "extractvalue",
    "floor",
    "geometrycollection",
    "get_host_address",
    "group_concat",
    "gtid_subset",
    "hex",
    "host_name",
    "if",
    "ifnull",
    "iif",
    "instr",
    "is_srvrolemember",
    "json_keys",
    "left",
    "length",
    "linestring",
    "lo_import",
    "load_extension",
    "load_file",
    "lower",
    "lpad",
    "make_set",
    "md5",
    "mid",
    "multipoint",
    "multipolygon",
    "name_const",
    "now",
    "nullif",
    "nvl",
    "openquery",
    "openrowset",
    "ord",
    "pg_ls_dir",
    "pg_read_file",
    "pg_sleep",
    "polygon",
    "position",
    "quote_literal",
    "rand",
    "randomblob",
    "receive_message",
    "replace",
    "reverse",
    "right",
    "row",
    "row_count",
    "schema",
    "sha1",
    "sleep",
    "soundex",
    "space",
    "sqlite_version",
    "strcmp",
    "string_agg",
    "substr",
    "substring",
    "substring_index",
    "suser_name",
    "sys_context",
    "sysdate",
    "system_user",
    "to_char",
    "unhex",
    "unicode",
    "updatexml",
    "upper",
    "user",
    "user_name",
    "utl_http",
    "utl_inaddr",
    "uuid",
    "version",
    "xmltype",
    "xp_cmdshell",
];

/// Whether all lists are sorted, so that they can be searched.
#[cfg(test)]
pub(in crate::rules::weigh) fn functions_are_sorted() -> bool {
    let sorted = |words: &[&str]| words.windows(2).all(|pair| pair[0] < pair[1]);
    sorted(FUNCTIONS)
        && sorted(KEYWORDS)
        && sorted(NO_OPERAND)
        && sorted(OBJECTS)
        && sorted(STATEMENTS)
        && sorted(AFTER_TABLE)
}
