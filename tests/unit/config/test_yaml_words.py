"""Values that YAML reads as something else: what is said, and that what is said to write is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from starfort.config import ConfigError, load
from starfort.config.problems import ConfigProblem

BASE = """version: 1
listeners:
  - {name: public, address: 127.0.0.1:8080}
upstreams:
  - {name: notes, addresses: [127.0.0.1:9001]}
apis:
  - name: notes
    upstream: notes
"""


def policy(*lines: str) -> str:
    """A file with one policy."""
    return BASE + "policies:\n  - name: p\n" + "".join(f"    {line}\n" for line in lines)


def with_api(*lines: str) -> str:
    """A file whose API has more settings."""
    return BASE + "".join(f"    {line}\n" for line in lines)


def problems(folder: Path, text: str) -> list[ConfigProblem]:
    """What loading a text finds."""
    file = folder / "starfort.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        load(file)
    except ConfigError as error:
        return error.problems
    return []


ALLOW = ("when: 'true'", "action: allow")

QUOTES = [
    # a flow list or mapping with braces or brackets in a value
    (policy(*ALLOW, "endpoints: [GET /notes/{nid}]"), 'endpoints: ["GET /notes/{nid}"]'),
    (policy(*ALLOW, "endpoints: [POST /a, GET /notes/{nid}/x]"), 'endpoints: [POST /a, "GET /notes/{nid}/x"]'),
    (policy(*ALLOW, "endpoints: [DELETE /{tenant}/notes/{nid}]"), 'endpoints: ["DELETE /{tenant}/notes/{nid}"]'),
    (with_api("endpoints:", "  - {match: PUT /n/{id}, labels: [a]}"), '- {match: "PUT /n/{id}", labels: [a]}'),
    (BASE.replace("127.0.0.1:8080", "[::1]:8080"), '- {name: public, address: "[::1]:8080"}'),
    # a condition that begins with a sign of YAML's
    (policy("when: !endpoint.documented", "action: block"), 'when: "!endpoint.documented"'),
    (policy("when: !endpoint.documented && true", "action: block"), 'when: "!endpoint.documented && true"'),
    (policy("when: ! endpoint.known", "action: block"), 'when: "! endpoint.known"'),
    (policy('when: !(client.bot == "good") # why', "action: block"), "when: '!(client.bot == \"good\")' # why"),
    (policy("when: &&true", "action: block"), 'when: "&&true"'),
    # quotes at the beginning of a value
    (policy('when: "login" in endpoint.labels', "action: block"), "when: '\"login\" in endpoint.labels'"),
    (policy('when: "DE" == client.country && true', "action: block"), "when: '\"DE\" == client.country && true'"),
    (policy("when: 'a' in findings", "action: block"), "when: \"'a' in findings\""),
    (policy("when: 'it''s' in findings || \"b\" in findings", "action: block"), None),
    (policy('when: ["a"].exists(x, x == "a")', "action: block"), "when: '[\"a\"].exists(x, x == \"a\")'"),
    # characters that begin no plain value
    (with_api("hosts: [*]"), 'hosts: ["*"]'),
    (with_api("hosts: *"), 'hosts: "*"'),
    (with_api("hosts: [a.example, *.example.com]"), 'hosts: [a.example, "*.example.com"]'),
    (with_api("hosts:", "  - *.example.com"), '- "*.example.com"'),
    (policy(*ALLOW, "endpoints:", "  - * /notes"), '- "* /notes"'),
    (policy(*ALLOW, "endpoints: [* /notes, GET /a]"), 'endpoints: ["* /notes", GET /a]'),
    (BASE + "node: @edge\n", 'node: "@edge"'),
    (BASE + "node: %edge\n", 'node: "%edge"'),
    (BASE + "node: `edge`\n", 'node: "`edge`"'),
    (with_api("labels: [a, @b]"), 'labels: [a, "@b"]'),
    # a colon and a space inside of a value
    (policy('when: request.path == "/a: b"', "action: block"), "when: 'request.path == \"/a: b\"'"),
    (policy("description: note: this", *ALLOW), 'description: "note: this"'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fix"), QUOTES)
def test_a_value_that_wants_quotes(tmp_path: Path, text: str, fix: str | None) -> None:
    """The fix is the line as it should be, and with it YAML reads the value that was written."""
    (problem,) = problems(tmp_path, text)
    written = re.search(r"`(.*)`$", problem.fix)
    assert written is not None, problem
    if fix is not None:
        assert written[1] == fix
    lines = text.splitlines()
    line = lines[problem.line - 1]
    assert 0 < problem.column <= len(line)
    lines[problem.line - 1] = line[: len(line) - len(line.lstrip())] + written[1]
    left = problems(tmp_path, "\n".join(lines) + "\n")
    assert [each for each in left if "YAML" in each.what or "quote" in each.fix] == []


@pytest.mark.parametrize(
    ("text", "line", "what", "fix"),
    [
        (BASE.replace("    upstream", "\tupstream"), 8, "indented with a tab", "spaces"),
        (BASE + "policies:\n  - name: p\n  \twhen: 'true'\n", 11, "indented with a tab", "spaces"),
        (BASE + "policies:\n\t- name: p\n", 10, "indented with a tab", "spaces"),
        (policy('when: "true', "action: block"), 11, 'quote " that begins here is never closed', 'with "'),
        (with_api("hosts: [a, b"), 9, "[ that begins here is never closed", "with ]"),
        (with_api("endpoints:", "  - {match: GET /a"), 10, "{ that begins here is never closed", "with }"),
        (with_api("labels: [a b", "openapi: x.yaml"), 10, "[ of line 9 is not closed yet", "]"),
        (BASE.replace("upstream: notes", "upstream notes"), 8, "no colon behind 'upstream'", "`upstream: notes`"),
        (BASE.replace("upstream: notes", "upstream:notes"), 8, "no space behind the colon", "`upstream: notes`"),
        (with_api("hosts:", "-a.example"), 10, "no space behind the hyphen", "`- a.example`"),
        (BASE.replace("    upstream", "   upstream"), 8, "indented unlike", "column 5"),
        (BASE.replace("    upstream", "     upstream"), 8, "indented unlike", "column 5"),
        (BASE.replace("  - name: notes\n", "  \u2013 name: notes\n"), 7, "is no hyphen", "-"),
        (BASE + "node: a\nnode: b\n", 10, "'node' stands twice in one part; the first is on line 9", "keep one"),
        (with_api("labels: [a]", "upstream: notes"), 10, "'upstream' stands twice", "keep one"),
        (policy('when: "request.path.matches(\'\\d\')"', "action: block"), 11, "\\d is an escape", "single quotes"),
        (BASE + "---\nnode: b\n", 9, "second document", "---"),
        (BASE + "<<<<<<< HEAD\nnode: a\n=======\nnode: b\n>>>>>>> x\n", 9, "merge conflict", "one side"),
        (policy("when:", '  "login" in endpoint.labels', "  && true", "action: block"), 12, "begins with", ">-"),
        (policy('when: "login" in endpoint.labels', "  && true", "action: block"), 11, "begins with", "`when: >-`"),
    ],
)  # fmt: skip
def test_what_yaml_cannot_read(tmp_path: Path, text: str, line: int, what: str, fix: str) -> None:
    """In words, on the line where the mistake is, with what to do."""
    problem = problems(tmp_path, text)[0]
    assert problem.line == line, problem
    assert what in problem.what
    assert fix.strip("`") in problem.fix


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        (BASE.replace("upstream: notes", "upstream: [notes]"), "upstream takes one text, and a list", "`upstream: notes`"),
        (BASE.replace("upstream: notes", "upstream: [a, b]"), "takes one text, and a list", "one value"),
        (policy('when: ["true"]', "action: block"), "when takes one text, and a list", '`when: "true"`'),
        (BASE.replace("upstream: notes", "upstream: {name: notes}"), "one text, and a mapping", "one value behind"),
        (policy('when: {request.path == "/a"}', "action: block"), "one text, and a mapping", "`when: 'request.path == \"/a\"'`"),
        (BASE + 'responses:\n  - {name: r, status: 401, body: {"error": "x"}}\n', "body takes one text, and a mapping", ""),
        (BASE + 'responses:\n  - name: r\n    status: 401\n    body: {"error": "x"}\n', "a mapping", "`body: '{\"error\": \"x\"}'`"),
        (with_api("hosts: notes.example"), "hosts takes a list, and the text 'notes.example'", "`hosts: [notes.example]`"),
        (policy(*ALLOW, "endpoints: GET /notes"), "endpoints takes a list", '`endpoints: ["GET /notes"]`'),
        (policy(*ALLOW, "endpoints: GET /notes/{id}"), "endpoints takes a list", '`endpoints: ["GET /notes/{id}"]`'),
        (BASE + "sensitive: card_number\n", "sensitive takes settings of its own", "`sensitive: {classes: …}`"),
        (BASE + "lists: scanners\n", "lists takes a list, and the text 'scanners'", "`- name: …`"),
        (BASE + "policies:\n  name: p\n", "policies takes a list, and a mapping", "`- name: …`"),
        (BASE + "node: 12\n", "node takes one text, and the number 12", '`node: "12"`'),
        (BASE + "node: true\n", "node takes one text, and the value true", '`node: "true"`'),
        (BASE + "node:\n", "node takes one text, and nothing stands here", "behind `node:`"),
        (BASE + "node: &edge\n", "nothing stands here", '`node: "&edge"`'),
        (BASE.replace("    upstream", "    \u00a0upstream"), "no ordinary space stands beside the key 'upstream'", "spaces"),
    ],
)  # fmt: skip
def test_values_of_another_shape(tmp_path: Path, text: str, what: str, fix: str) -> None:
    """A list for one value, one value for a list, a mapping for a text, and what to write instead."""
    found = problems(tmp_path, text)
    assert [each for each in found if what in each.what and fix in each.fix], found


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        policy("when: '!endpoint.documented'", 'endpoints: ["GET /notes/{nid}"]', "action: block"),
        policy("when: '\"login\" in endpoint.labels'", "action: block"),
        policy("when: >-", '  "login" in endpoint.labels', "  && !endpoint.documented", "action: block"),
        policy("when: |", "  !endpoint.documented", "action: block"),
        policy('when: client.country != "DE" && !endpoint.known # not ! here', "action: block"),
        policy("when: 'true'", "endpoints:", "  - GET /notes/{nid}", "action: block"),
        with_api('hosts: ["*", "*.example.com"]', "labels: [a-b, c.d]"),
        with_api("labels: &tags [a, b]", "endpoints:", "  - {match: GET /a, labels: *tags}"),
        BASE + "node: !!str 12\n",
        BASE + "# ! a note & another: [x\n",
        policy("description: a! b & c!d *e", "when: 'true'", "action: block"),
        BASE.replace("127.0.0.1:8080", '"[::1]:8080"'),
        BASE + "admin: {address: 127.0.0.1:9443, metrics: yes}\n",
        BASE + "trusted_proxies: [10.0.0.0/8, 192.0.2.1, '2001:db8::/32', 192.0.2.1/32]\n",
    ],
)
def test_what_is_right_is_read(tmp_path: Path, text: str) -> None:
    """The same signs where YAML and people agree about them."""
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize(
    ("network", "meant", "address"),
    [
        ("10.0.0.1/8", "10.0.0.0/8", "10.0.0.1"),
        ("192.168.1.77/24", "192.168.1.0/24", "192.168.1.77"),
        ("2001:db8::1/32", "2001:db8::/32", "2001:db8::1"),
    ],
)
@pytest.mark.parametrize(
    "setting", ["trusted_proxies: ['{}']\n", "lists:\n  - {{name: a, addresses: ['{}']}}\n"]
)
def test_an_address_with_the_length_of_a_network(
    tmp_path: Path, setting: str, network: str, meant: str, address: str
) -> None:
    """Which of the two is meant decides who is trusted, so both are offered and neither is taken."""
    (problem,) = problems(tmp_path, BASE + setting.format(network))
    assert network in problem.what
    assert f"write {meant} for the network, or {address} for the one address" in problem.what


def test_a_long_line_is_not_repeated(tmp_path: Path) -> None:
    """A fix shows a line that people can read; of a long one it says how to quote."""
    (problem,) = problems(tmp_path, policy("when: !" + "a" * 500, "action: block"))
    assert problem.fix == "write the whole value in quotes"
