"""Rules as a whole: what the engine gets, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from starfort.config.problems import ConfigError
from starfort.threats.seclang.load import load_rules
from starfort.threats.seclang.reference import ACTIONS, DIRECTIVES, OPERATORS, VARIABLES, Support
from tests.unit.threats.seclang.support import load, problems, unpacked


def test_a_rule_reaches_the_engine_whole() -> None:
    """Every part of it."""
    rule = unpacked(
        'SecRule ARGS|!ARGS:Pass "!@within %{tx.allowed} x" "id:7,phase:request,deny,status:418,capture,multiMatch,'
        "t:lowercase,t:none,t:urlDecodeUni,msg:'It\\'s, %{MATCHED_VAR}',logdata:'%{TX.0}',severity:CRITICAL,"
        "tag:'a',tag:'b',ver:'v/1',rev:'2',maturity:3,accuracy:4,setvar:'tx.Score_%{tx.N}=+%{tx.critical}',"
        'setvar:!tx.gone,setvar:tx.flag,expirevar:ip.x=60,initcol:ip=%{REMOTE_ADDR},setsid:%{REQUEST_COOKIES.sid}"'
    )["rules"][0]
    link = rule.pop("links")[0]
    assert rule == {
        "id": 7, "phase": 2, "file": 0, "line": 1, "rev": "2", "ver": "v/1", "severity": 2, "tags": ["a", "b"],
        "attacks": [], "disruptive": "deny", "status": 418, "log": True, "audit_log": True, "notes": True,
        "skip": 0, "skip_to": None,
    }  # fmt: skip
    assert link["targets"][1] == {
        "variable": "ARGS", "selector": {"name": "pass"}, "count": False, "exclude": True
    }  # fmt: skip
    assert link["operator"] == {
        "kind": "within",
        "argument": [{"var": ["TX", "allowed"]}, {"text": " x"}],
        "phrases": [],
    }
    assert link["negated"]
    assert link["transformations"] == ["urlDecodeUni"]
    assert (link["multi_match"], link["capture"]) == (True, True)
    assert link["logdata"] == [{"var": ["TX", "0"]}]
    assert link["actions"] == [
        {"set_var": {"collection": "tx", "key": [{"text": "score_"}, {"var": ["TX", "n"]}], "op": "add", "value": [{"var": ["TX", "critical"]}]}},
        {"set_var": {"collection": "tx", "key": [{"text": "gone"}], "op": "unset", "value": []}},
        {"set_var": {"collection": "tx", "key": [{"text": "flag"}], "op": "set", "value": [{"text": "1"}]}},
        {"expire_var": {"collection": "ip", "key": [{"text": "x"}], "seconds": [{"text": "60"}]}},
        {"init_col": {"collection": "ip", "key": [{"var": ["REMOTE_ADDR", None]}]}},
        {"init_col": {"collection": "session", "key": [{"var": ["REQUEST_COOKIES", "sid"]}]}},
    ]  # fmt: skip


def test_ctl_reaches_the_engine() -> None:
    """Each kind; what has no effect is a note."""
    compiled = load(
        'SecAction "id:1,pass,ctl:ruleEngine=DetectionOnly,ctl:forceRequestBodyVariable=on,'
        "ctl:requestBodyProcessor=json,ctl:ruleRemoveById=5-9,ctl:ruleRemoveByTag=x,"
        'ctl:ruleRemoveTargetById=7;ARGS:a,ctl:ruleRemoveTargetByTag=t;REQUEST_FILENAME,ctl:auditEngine=Off"'
    )
    assert [note.what for note in compiled.notes] == ["ctl:auditEngine has no effect"]
    target = {"variable": "ARGS", "selector": {"name": "a"}, "count": False, "exclude": False}
    actions = unpacked(
        'SecAction "id:1,pass,ctl:ruleEngine=DetectionOnly,ctl:ruleRemoveById=5-6,ctl:ruleRemoveTargetById=7;ARGS:a"\n'
        'SecAction "id:7,pass"'
    )["rules"][0]["links"][0]["actions"]
    assert [action["ctl"] for action in actions] == [
        {"rule_engine": "detection_only"},
        {"remove_rules": []},
        {"remove_target": [[1], target]},
    ]


def test_a_chain_is_one_rule() -> None:
    """Its links have their own targets; the first link's actions decide."""
    rules = load(
        'SecRule ARGS "@rx a" "id:1,deny,chain"\n  SecRule TX:1 "@eq 1" "chain"\n  SecRule TX:2 "@eq 2" "setvar:tx.x=1"\n'
        'SecAction "id:2,pass"'
    ).rules
    assert [(rule.id, len(rule.links)) for rule in rules] == [(1, 3), (2, 1)]
    assert rules[0].disruptive == "deny"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('SecRule ARGS "@rx a" "id:1,chain"', "`chain` has no rule after it"),
        ('SecAction "id:1,chain"\nSecMarker X\nSecAction "t:none"', "a marker stands inside of a chain"),
        ('SecAction "id:1,chain"\nSecAction "deny"', "deny stands in a rule that is chained to another"),
        ('SecAction "id:1,chain"\nSecAction "id:2"', "id stands in a rule that is chained"),
        ('SecAction "id:1,phase:1,chain"\nSecAction "phase:2"', "phase stands in a rule that is chained"),
        ('SecAction "pass"', "the rule has no id"),
        ('SecAction "id:1"\nSecAction "id:1"', "rules.conf:2:1: rule 1 is there already: rules.conf:1"),
        ('SecMarker X\nSecAction "id:1,skipAfter:X"', "no marker X follows"),
        ('SecAction "id:1,skipAfter:NOWHERE"', "no marker NOWHERE follows"),
    ],
)
def test_broken_structure_is_refused(text: str, what: str) -> None:
    """Chains, ids and skips."""
    assert any(what in problem for problem in problems(text))


def test_skip_after_is_an_index() -> None:
    """Of the first rule behind the marker, removed ones not counted."""
    rules = load(
        'SecAction "id:1,skipAfter:END"\nSecAction "id:2"\nSecAction "id:3"\nSecMarker END\nSecAction "id:4"\n'
        "SecRuleRemoveById 2"
    ).rules
    assert [rule.id for rule in rules] == [1, 3, 4]
    assert rules[0].skip_to == 2


def test_default_actions_hold_for_their_phase_and_what_follows() -> None:
    """`block` does what they say; their transformations come first, unless `t:none`."""
    rules = load(
        'SecAction "id:1,phase:2,block"\n'
        'SecDefaultAction "phase:2,nolog,deny,status:406,t:lowercase"\n'
        'SecRule ARGS "@rx a" "id:2,block,t:trim"\nSecRule ARGS "@rx a" "id:3,phase:2,pass,log,t:none"\n'
        'SecAction "id:4,phase:1,block"'
    ).rules
    assert [(rule.disruptive, rule.status, rule.log) for rule in rules] == [
        ("pass", None, True),
        ("deny", 406, False),
        ("pass", 406, True),
        ("pass", None, True),
    ]
    assert [rule.links[0].transformations for rule in rules[1:3]] == [("lowercase", "trim"), ()]


def test_removals_and_updates() -> None:
    """By id, range, tag and message, wherever they stand."""
    text = (
        'SecRule ARGS|TX:a "@rx a" "id:1,deny,tag:\'x/one\',msg:\'First thing\',chain"\nSecRule TX:b "@eq 1" "t:none"\n'
        'SecRule ARGS "@rx a" "id:2,deny,tag:\'x/two\',msg:\'Second\'"\nSecAction "id:30,pass"\nSecAction "id:31,pass"\n'
    )
    assert [rule.id for rule in load(text + "SecRuleRemoveById 2 30-40").rules] == [1]
    assert [rule.id for rule in load("SecRuleRemoveByTag ^x/\n" + text).rules] == [30, 31]
    assert [rule.id for rule in load(text + 'SecRuleRemoveByMsg "^First"').rules] == [2, 30, 31]
    updated = load(text + 'SecRuleUpdateTargetByTag x/ "!ARGS:q,REQUEST_BODY"').rules
    assert [str(variable) for variable in updated[0].links[0].variables] == [
        "ARGS",
        "TX:a",
        "!ARGS:q",
        "REQUEST_BODY",
    ]
    assert [str(variable) for variable in updated[0].links[1].variables] == ["TX:b"]
    replaced = load(text + "SecRuleUpdateTargetById 1 ARGS_GET ARGS").rules[0]
    assert [str(variable) for variable in replaced.links[0].variables] == ["TX:a", "ARGS_GET"]
    changed = load(text + 'SecRuleUpdateActionById 2 "pass,nolog,tag:more"').rules[1]
    assert (changed.disruptive, changed.log, changed.tags, changed.message) == (
        "pass",
        False,
        ("x/two", "more"),
        "Second",
    )
    second = load(text + 'SecRuleUpdateActionById 1:1 "t:lowercase"').rules[0]
    assert second.links[1].transformations == ("lowercase",)


def test_an_exclusion_that_meets_nothing_is_a_note() -> None:
    """It is often a typing error, and never fatal."""
    notes = load('SecAction "id:1,pass"\nSecRuleRemoveById 99').notes
    assert [str(note) for note in notes] == [
        "rules.conf:2:1: no rule has the id 99\n  hint: check it, or remove the line"
    ]


def test_all_problems_come_at_once_with_their_places() -> None:
    """Nothing is left for the second try."""
    found = problems(
        'SecRule ARGS "@rxx a" "id:1,phase:9,t:lower,sevrity:2"\nSecRuleScript x.lua\nSecFoo on\n'
        'SecRule ARGS "@eq many" \\\n    "id:2,exec:/bin/x"\nSecRequestBodyLimit much\nSecAction "id:3,setvar:x=1,msg:%{NOPE}"'
    )
    assert [re.match(r"rules\.conf:(\d+):", problem)[1] for problem in found] == list("11112345677")  # type: ignore[index]
    text = "\n".join(found)
    for what in ("@rxx", "did you mean rx?", "unknown phase", "did you mean lowercase?", "did you mean severity?",
                 "SecRuleScript is not supported", "unknown directive SecFoo", "@eq needs a number",
                 "action exec is not supported", "SecRequestBodyLimit much", "setvar:x=1 sets nothing", "no variable NOPE"):  # fmt: skip
        assert what in text


@pytest.mark.parametrize("name", [name for name, entry in DIRECTIVES.items() if not entry.supported])
def test_an_unsupported_directive_says_what_to_do(name: str) -> None:
    """Never silence."""
    assert f"{name} is not supported\n  hint: {DIRECTIVES[name].note}" in problems(f"{name} x")[0]


@pytest.mark.parametrize(
    "name", [name for name, entry in DIRECTIVES.items() if entry.support is Support.NOTED]
)
def test_a_directive_without_effect_is_noted(name: str) -> None:
    """With what stands in its place."""
    assert [note.what for note in load(f"{name} x").notes] == [f"{name} has no effect"]


@pytest.mark.parametrize("name", [name for name, entry in OPERATORS.items() if not entry.supported])
def test_an_unsupported_operator_says_what_to_do(name: str) -> None:
    """Never silence."""
    assert OPERATORS[name].note in problems(f'SecRule ARGS "@{name} x" "id:1"')[0]


@pytest.mark.parametrize("name", [name for name, entry in VARIABLES.items() if not entry.supported])
def test_an_unsupported_variable_says_what_to_do(name: str) -> None:
    """Never silence."""
    assert VARIABLES[name].note in problems(f'SecRule {name} "@rx x" "id:1"')[0]


@pytest.mark.parametrize("name", [name for name, entry in ACTIONS.items() if not entry.supported])
def test_an_unsupported_action_says_what_to_do(name: str) -> None:
    """Never silence."""
    assert ACTIONS[name].note in problems(f'SecAction "id:1,{name}:x"')[0]


def test_settings() -> None:
    """The last of each counts."""
    settings = unpacked(
        "SecRuleEngine Off\nSecRuleEngine DetectionOnly\nSecRequestBodyLimit 1000\nSecRequestBodyLimitAction ProcessPartial\n"
        "SecResponseBodyMimeType text/plain Application/JSON (null)\nSecArgumentSeparator ;\nSecCookieFormat 1\nSecWebAppId shop\n"
        "SecArgumentsLimit 50\nSecRequestBodyJsonDepthLimit 9\nSecResponseBodyAccess off"
    )["settings"]
    assert settings["engine"] == "detection_only"
    assert settings["request_body_limit_bytes"] == 1000
    assert settings["request_body_limit_reject"] is False
    assert settings["response_body_mime_types"] == ["text/plain", "application/json", ""]
    assert (settings["argument_separator"], settings["cookie_v1"], settings["web_app_id"]) == (
        ";",
        True,
        "shop",
    )
    assert (settings["arguments_limit"], settings["json_depth_limit"], settings["response_body_access"]) == (
        50,
        9,
        False,
    )


def test_unicode_map(tmp_path: Path) -> None:
    """The pairs of the page that is asked for, of no other."""
    (tmp_path / "map").write_text(
        "1250  (ANSI)\n00a1:21 00a2:63\n20127 (US-ASCII)\n00a0:20 ff1c:3c\n00aa:61\n28591\n00ff:79\n"
    )
    (tmp_path / "rules.conf").write_text("SecUnicodeMapFile map 20127\n")
    import msgpack

    settings = msgpack.unpackb(load_rules([tmp_path / "rules.conf"]).data)["settings"]
    assert settings["unicode_map"] == [[0xA0, 0x20], [0xAA, 0x61], [0xFF1C, 0x3C]]
    (tmp_path / "rules.conf").write_text("SecUnicodeMapFile map 99\n")
    with pytest.raises(ConfigError, match="has no code page 99"):
        load_rules([tmp_path / "rules.conf"])


def test_includes_and_phrase_files(tmp_path: Path) -> None:
    """Relative to the file they stand in; globs by name; every file is named in the result."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "main.conf").write_text(
        'Include sub/*.conf\nIncludeOptional none/*.conf\nSecAction "id:9,pass"\n'
    )
    (tmp_path / "sub/b.conf").write_text('SecAction "id:2,pass"\n')
    (tmp_path / "sub/a.conf").write_text('SecRule ARGS "@pmf words.data" "id:1"\n')
    (tmp_path / "sub/words.data").write_text("# words\n\nalpha\n  beta \nalpha\n")
    compiled = load_rules([tmp_path / "main.conf"])
    assert [rule.id for rule in compiled.rules] == [1, 2, 9]
    assert compiled.rules[0].links[0].operator is not None
    assert compiled.rules[0].links[0].operator.phrases == (b"alpha", b"beta")
    assert [file.name for file in compiled.files] == ["main.conf", "a.conf", "words.data", "b.conf"]


def test_includes_end(tmp_path: Path) -> None:
    """A file that includes itself, one that is not there, one that is no text."""
    (tmp_path / "loop.conf").write_text("Include loop.conf\n")
    with pytest.raises(ConfigError, match="nested more than 16 deep"):
        load_rules([tmp_path / "loop.conf"])
    (tmp_path / "main.conf").write_text("Include nowhere.conf\nInclude no*.conf\n")
    with pytest.raises(ConfigError) as raised:
        load_rules([tmp_path / "main.conf"])
    assert [problem.line for problem in raised.value.problems] == [1, 2]
    (tmp_path / "bytes.conf").write_bytes(b"SecMarker a\nSecMarker \xff\n")
    with pytest.raises(ConfigError, match=r"bytes\.conf:2:1: is not UTF-8"):
        load_rules([tmp_path / "bytes.conf"])


def test_macros_in_patterns_only_where_they_can_be_macros() -> None:
    """`%{` also begins templates that attackers write."""
    rules = unpacked('SecRule ARGS "@rx [#$%]\\{.*%{7*7}" "id:1"\nSecRule ARGS "@rx ^%{tx.x}$" "id:2"')[
        "rules"
    ]
    arguments = [rule["links"][0]["operator"]["argument"] for rule in rules]
    assert arguments == [[{"text": r"[#$%]\{.*%{7*7}"}], [{"text": "^"}, {"var": ["TX", "x"]}, {"text": "$"}]]


def test_block_lists_by_dns_never_match() -> None:
    """CRS 3 has such a rule, off by default: it loads, with a note; negated it would always match, and does not."""
    compiled = load('SecRule REMOTE_ADDR "@rbl list.example" "id:1"')
    assert [note.what for note in compiled.notes] == ["@rbl has no effect"]
    assert (
        unpacked('SecRule REMOTE_ADDR "@rbl l" "id:1"')["rules"][0]["links"][0]["operator"]["kind"]
        == "noMatch"
    )
    assert "!@rbl would always match" in problems('SecRule REMOTE_ADDR "!@rbl l" "id:1"')[0]


def test_the_settings_of_a_usual_installation_load() -> None:
    """Every directive that ModSecurity's recommended configuration has, with a value that it takes."""
    text = """
SecRuleEngine DetectionOnly
SecRequestBodyAccess On
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 131072
SecRequestBodyInMemoryLimit 131072
SecRequestBodyLimitAction Reject
SecRequestBodyJsonDepthLimit 512
SecArgumentsLimit 1000
SecPcreMatchLimit 1000
SecPcreMatchLimitRecursion 1000
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml
SecResponseBodyLimit 524288
SecResponseBodyLimitAction ProcessPartial
SecTmpDir /tmp/
SecDataDir /tmp/
SecUploadDir /opt/modsecurity/var/upload/
SecUploadKeepFiles RelevantOnly
SecUploadFileMode 0600
SecDebugLog /opt/modsecurity/var/log/debug.log
SecDebugLogLevel 3
SecAuditEngine RelevantOnly
SecAuditLogRelevantStatus "^(?:5|4(?!04))"
SecAuditLogParts ABIJDEFHZ
SecAuditLogType Serial
SecAuditLog /var/log/modsec_audit.log
SecAuditLogStorageDir /opt/modsecurity/var/audit/
SecArgumentSeparator &
SecCookieFormat 0
SecStatusEngine Off
SecServerSignature "Apache"
SecComponentSignature "set/1"
SecCollectionTimeout 600
SecWebAppId "shop"
SecUploadFileLimit 100
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\\+|/)|text/)xml" \\
    "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQBODY_ERROR "!@eq 0" \\
    "id:200002,phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body.',\\
    logdata:'%{reqbody_error_msg}',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" \\
    "id:200003,phase:2,t:none,log,deny,status:400,msg:'PE %{REQBODY_PROCESSOR_ERROR}, BQ %{MULTIPART_BOUNDARY_QUOTED}, \\
    BW %{MULTIPART_BOUNDARY_WHITESPACE}, DB %{MULTIPART_DATA_BEFORE}, DA %{MULTIPART_DATA_AFTER}, \\
    HF %{MULTIPART_HEADER_FOLDING}, LF %{MULTIPART_LF_LINE}, SM %{MULTIPART_MISSING_SEMICOLON}, \\
    IQ %{MULTIPART_INVALID_QUOTING}, IP %{MULTIPART_INVALID_PART}, IH %{MULTIPART_INVALID_HEADER_FOLDING}, \\
    FL %{MULTIPART_FILE_LIMIT_EXCEEDED}'"
SecRule MULTIPART_UNMATCHED_BOUNDARY "@eq 1" "id:200004,phase:2,t:none,log,deny,msg:'Possible unmatched boundary.'"
SecRule TX:/^MSC_/ "!@streq 0" "id:200005,phase:2,t:none,log,deny,msg:'internal error: %{MATCHED_VAR_NAME}'"
"""
    compiled = load(text)
    assert [rule.id for rule in compiled.rules] == [200000, 200002, 200003, 200004, 200005]
    assert compiled.version == "set/1"
    noted = {note.what.partition(" ")[0] for note in compiled.notes}
    assert {"SecAuditLog", "SecTmpDir", "SecPcreMatchLimit", "SecDebugLog"} <= noted
    assert "SecRequestBodyLimit" not in noted
