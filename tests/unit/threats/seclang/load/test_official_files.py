"""What stands in rule files that people have already is read, or refused by its name and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from starfort._engine import RuleSet
from starfort.threats.seclang.load import load_rules
from tests.unit.threats.seclang.support import load, problems, unpacked


def matched(text: str, **request: object) -> list[int]:
    """The ids of the rules that match a request, those that `nolog` hides too."""
    found = RuleSet(load(text).data).inspect(request)["matched"]
    return [rule["id"] for rule in found]


def xml(text: str, body: str) -> list[int]:
    """The same of a request with an XML body."""
    return matched(
        f'SecAction "id:900,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"\n{text}',
        method="POST",
        uri="/x",
        headers=[("Host", "h"), ("Content-Type", "application/xml")],
        body=body,
    )[1:]


@pytest.mark.parametrize(
    ("taken_out", "left"),
    [("XML", []), ("XML:/*", [2, 3]), ("XML://@*", [1, 3]), ("XML://name", [1, 2]), ("ARGS:x", [1, 2, 3])],
)
def test_parts_of_xml_are_taken_out_apart(taken_out: str, left: list[int]) -> None:
    """`XML` alone is all that is of XML; its text, its attributes and a path are each taken out for themselves."""
    rules = (
        f'SecAction "id:5,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=t;{taken_out}"\n'
        'SecRule XML:/* "@contains evil" "id:1,phase:2,pass,tag:t"\n'
        'SecRule XML://@* "@contains evil" "id:2,phase:2,pass,tag:t"\n'
        'SecRule XML://name "@contains evil" "id:3,phase:2,pass,tag:t"'
    )
    body = '<a kind="evil"><name>evil</name></a>'
    assert [rule for rule in xml(rules, body) if rule < 4] == left
    if taken_out.startswith("XML"):
        updated = rules.partition("\n")[2] + f'\nSecRuleUpdateTargetByTag t "!{taken_out}"'
        assert xml(updated, body) == left


def test_an_xml_target_needs_a_path_where_it_is_looked_at() -> None:
    """Only what is taken out may be all of it: a rule says what it looks at."""
    assert "XML needs an XPath expression" in problems('SecRule XML "@rx x" "id:1,phase:2,pass"')[0]


@pytest.mark.parametrize("path", ["/shop/price[text()]", "//*[local-name()='price']", "//price/text()"])
def test_predicates_that_say_what_is_so_anyway(path: str) -> None:
    """Text is what is looked at, and prefixes do not count, so a path may say so."""
    rule = f'SecRule XML:{path} "@streq 7" "id:1,phase:2,pass"'
    assert xml(rule, "<shop><price>7</price></shop>") == [1]
    assert xml(rule, "<shop><size>7</size></shop>") == []


def test_tags_of_the_default_action_are_inherited() -> None:
    """CRS' own example adds a tag to all rules; other data of a rule cannot be a default."""
    default = "SecDefaultAction \"phase:1,log,auditlog,pass,tag:'Host: %{request_headers.host}'\"\n"
    rules = unpacked(default + "SecAction \"id:1,phase:1,tag:'own'\"\nSecAction \"id:2,phase:2,tag:'own'\"")[
        "rules"
    ]
    assert [rule["tags"] for rule in rules] == [["Host: %{request_headers.host}", "own"], ["own"]]
    for action in ("id:1", "rev:1", "severity:2", "msg:x", "t:none", "chain"):
        found = problems(f'SecDefaultAction "phase:1,pass,{action}"')
        assert len(found) == 1
        assert "cannot be a default action" in found[0]


def test_default_actions_do_what_they_say() -> None:
    """Effects of the default action run once its rule matched as a whole; `capture` and transformations count too."""
    text = (
        'SecDefaultAction "phase:2,pass,t:lowercase,capture,setvar:tx.seen=+1"\n'
        'SecRule ARGS:a "@rx (x+)" "id:1,phase:2,setvar:tx.first=%{tx.1},chain"\n'
        'SecRule ARGS:b "@rx ok"\n'
        'SecRule ARGS:a "@rx X" "id:2,phase:2,t:none"\n'
    )
    rules = RuleSet(load(text).data)

    def variables(uri: str) -> dict[str, str]:
        return {name: value for name, value in rules.inspect({"uri": uri})["tx"].items() if name.isalpha()}

    assert variables("/?a=XX&b=ok") == {"seen": "2", "first": "xx"}
    assert variables("/?a=XX&b=no") == {"seen": "1", "first": "xx"}
    assert variables("/?a=xx&b=no") == {"first": "xx"}


def test_block_may_stand_beside_what_it_means() -> None:
    """`block` in a default action means what the other disruptive action says; alone it would mean itself."""
    text = 'SecDefaultAction "phase:1,block,deny,status:418"\nSecAction "id:1,phase:1,block"'
    interruption = RuleSet(load(text).data).inspect({"uri": "/"})["interruption"]
    assert (interruption["action"], interruption["status"]) == ("deny", 418)
    assert "block cannot be a default action" in problems('SecDefaultAction "phase:1,block"')[0]


QUOTES = "\u00b4\u2019\u2018"
"""The class of quotes that CRS 3.3 has."""


@pytest.mark.parametrize("quote", QUOTES)
def test_characters_beyond_ascii_in_a_class(quote: str) -> None:
    """A class has the characters that are written in it, and not the bytes that others share with them."""
    rule = f'SecRule ARGS:q "@rx ^a[{QUOTES}\']b$" "id:1,phase:2,pass"'
    encoded = "".join(f"%{byte:02x}" for byte in quote.encode())
    assert matched(rule, uri=f"/?q=a{encoded}b") == [1]
    assert matched(rule, uri="/?q=a'b") == [1]
    for other in ("%e2%80%93", "%d0%b4", "%c2", "%b4"):
        assert matched(rule, uri=f"/?q=a{other}b") == []


@pytest.mark.parametrize(
    "link",
    [
        'SecRule ARGS "@fuzzyHash x 1" "chain"',
        'SecRule ARGS "@rx x" "exec:/bin/x,chain"',
        'SecRule FILES_TMPNAMES "@rx x" "chain"',
        'SecRuleScript x.lua "chain"',
        'SecRul ARGS "@rx x" "chain"',
        'SecRule ARGS "@rx x" "t:nothing,chain" more',
        'SecRule ARGS "@rx x" "chain',
    ],
)
def test_a_refused_link_is_told_once(link: str) -> None:
    """What is wrong with one rule of a chain makes no errors about the rules around it, wherever it stands."""
    before, behind = 'SecRule ARGS "@rx a" "id:1,phase:2,pass,chain"', 'SecRule ARGS "@rx b"'
    own = 'SecAction "id:2,phase:2,pass"'
    last = link.replace(",chain", "").replace('"chain"', '""').replace('"chain', '"')
    first = link.replace("chain", "id:1,phase:2,pass,chain")
    for text in (
        f"{before}\n{link}\n{behind}\n{own}",
        f"{before}\n{last}\n{own}",
        f"{first}\n{behind}\n{own}",
    ):
        assert len(problems(text)) == 1, text


def test_ids_that_end_in_a_semicolon() -> None:
    """A number that a semicolon ends is the rule's; a target behind it is told, for the whole rule would go."""
    rules = 'SecAction "id:3,phase:1,pass,ctl:ruleRemoveById=7;"\nSecAction "id:7,phase:1,pass"'
    assert matched(rules, uri="/") == [3]
    assert "ruleRemoveTargetById" in problems(rules.replace("7;", "7;ARGS:x"))[0]
    assert "is no rule id" in problems(rules.replace("7;", "x;"))[0]


def test_files_of_windows(tmp_path: Path) -> None:
    """A byte order mark and CR LF are read as nothing and as line ends."""
    file = tmp_path / "rules.conf"
    file.write_bytes('\ufeffSecRule ARGS \\\r\n  "@rx a" \\\r\n  "id:1,phase:2,pass"\r\n'.encode())
    assert [rule.id for rule in load_rules([file]).rules] == [1]


def test_data_sets() -> None:
    """A list within a file is what `@pmFromDataset` and `@ipMatchFromDataset` look in (Coraza)."""
    text = (
        "SecDataset words `\n# comment\nalpha beta\n\n gamma \n`\nSecDataset nets `\n192.0.2.0/24\n`\n"
        'SecRule ARGS "@pmFromDataset words" "id:1,phase:2,pass"\n'
        'SecRule REMOTE_ADDR "@ipMatchFromDataset nets" "id:2,phase:1,pass"\nSecMarker END'
    )
    assert matched(text, uri="/?a=an+Alpha+Beta", remote_addr="198.51.100.1") == [1]
    assert matched(text, uri="/?a=alpha", remote_addr="192.0.2.9") == [2]
    assert "no data set other" in problems(text.replace("pmFromDataset words", "pmFromDataset other"))[0]
    found = problems(text.replace("192.0.2.0/24", "nowhere"))
    assert len(found) == 1
    assert "is no address" in found[0]


def test_unicode_maps_in_all_their_forms(tmp_path: Path) -> None:
    """A page may stand on one line with its pairs, and the directive's two words in one pair of quotes."""
    (tmp_path / "map").write_text(
        "# made up\n1250 (A - B 7) 00a1:21\n20127 (US-ASCII) 0100:41 ff1c:3c\n\n28591 0100:42\n"
    )
    maps = []
    for directive in (
        "SecUnicodeMapFile map 20127",
        'SecUnicodeMapFile "map 20127"',
        "SecUnicodeMapFile map 1250",
    ):
        (tmp_path / "rules.conf").write_text(directive)
        import msgpack

        maps.append(msgpack.unpackb(load_rules([tmp_path / "rules.conf"]).data)["settings"]["unicode_map"])
    assert maps == [[[0x100, 0x41], [0xFF1C, 0x3C]]] * 2 + [[[0xA1, 0x21]]]
    assert "write the file and the number" in problems("SecUnicodeMapFile map")[0]


def test_members_written_as_in_macros() -> None:
    """`TX.name` is `TX:name`, for the collections that rules write."""
    rules = 'SecAction "id:1,phase:1,pass,nolog,setvar:tx.a=5"\nSecRule TX.A "@eq 5" "id:2,phase:1,pass"'
    assert matched(rules, uri="/") == [1, 2]
    assert matched(rules.replace("TX.A", "TX.AB"), uri="/") == [1]


def test_updates_by_several_ids() -> None:
    """Ids and ranges may stand in words of their own before the targets (Coraza)."""
    rule = 'SecRule ARGS:a "@rx x" "id:{0},phase:2,pass"\n'
    text = "".join(rule.format(number) for number in (1, 2, 5)) + 'SecRuleUpdateTargetById 1-3 5 "!ARGS:a"'
    assert matched(text, uri="/?a=x") == []
    assert matched(text.replace("1-3 5", "1 5"), uri="/?a=x") == [2]
