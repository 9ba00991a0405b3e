"""Known bots, by user agent.

Most come from `crawler-user-agents` (MIT), a list that its maintainers keep up to date; its tags say what a
bot is for. A bot is `good` when it is a crawler that says who it is, `bad` when it is an attack tool or a
site copier, and `tool` when it is a library or a browser that a program drives. A user agent is what a client
says of itself: a client that claims to be a good bot may lie, but one that claims to be `sqlmap` has no
reason to.

Bad bots come first and tools last, because a crawler that is built on a library is a crawler.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, TypedDict

import crawleruseragents

from starfort.bundle import Bot

_ATTACK_TOOLS: Final = {
    "sqlmap": r"(?i)\bsqlmap\b", "Nikto": r"(?i)\bnikto\b", "Nmap": r"(?i)\bnmap\b",
    "masscan": r"(?i)\bmasscan\b",
    "ZGrab": r"(?i)\bzgrab\b", "Nuclei": r"(?i)\bnuclei\b", "WPScan": r"(?i)\bwpscan\b",
    "Gobuster": r"(?i)\bgobuster\b", "DirBuster": r"(?i)\bdirbuster\b", "dirsearch": r"(?i)\bdirsearch\b",
    "ffuf": r"(?i)fuzz faster u fool|\bffuf\b", "feroxbuster": r"(?i)\bferoxbuster\b",
    "wfuzz": r"(?i)\bwfuzz\b",
    "Acunetix": r"(?i)\bacunetix\b", "Nessus": r"(?i)\bnessus\b", "OpenVAS": r"(?i)\bopenvas\b",
    "w3af": r"(?i)\bw3af\b", "Havij": r"(?i)\bhavij\b", "Arachni": r"(?i)\barachni\b",
    "commix": r"(?i)\bcommix\b",
    "Hydra": r"(?i)\bthc-hydra\b|\(hydra\)", "WhatWeb": r"(?i)\bwhatweb\b", "ZmEu": r"(?i)\bzmeu\b",
    "Jorgee": r"(?i)\bjorgee\b", "Morfeus": r"(?i)\bmorfeus\b", "SkipFish": r"(?i)\bskipfish\b",
    "Wapiti": r"(?i)\bwapiti\b", "JoomScan": r"(?i)\bjoomscan\b", "DotDotPwn": r"(?i)\bdotdotpwn\b",
    "fimap": r"(?i)\bfimap\b", "BBQSQL": r"(?i)\bbbqsql\b", "httprint": r"(?i)\bhttprint\b",
    "OpenBullet": r"(?i)\bopenbullet\b", "slowhttptest": r"(?i)\bslowhttptest\b",
    "GoldenEye": r"(?i)\bgoldeneye\b", "l9explore": r"(?i)\bl9(?:explore|scan|tcpid)\b",
}  # fmt: skip
"""Names that scanners and exploit tools give themselves by default (their own documentation)."""

_SITE_COPIERS: Final = {
    "HTTrack": r"(?i)\bhttrack\b", "Scrapy": r"\bScrapy\b", "Colly": r"(?i)\bcolly\b",
    "WebCopier": r"(?i)\bwebcopier\b", "WebZIP": r"(?i)\bwebzip\b", "Teleport": r"(?i)\bteleport pro\b",
    "Offline Explorer": r"(?i)\boffline explorer\b", "SiteSucker": r"(?i)\bsitesucker\b",
    "WebReaper": r"(?i)\bwebreaper\b", "PHPCrawl": r"(?i)\bphpcrawl\b", "SimpleScraper": r"SimpleScraper",
    "EmailWolf": r"EmailWolf", "EmailSiphon": r"(?i)\bemailsiphon\b",
}  # fmt: skip

_TOOLS: Final = {
    "curl": r"^curl/", "Wget": r"^Wget/", "Postman": r"^PostmanRuntime/", "Insomnia": r"(?i)^insomnia/",
    "k6": r"^k6/|Grafana k6", "JMeter": r"Apache-?JMeter", "Locust": r"(?i)\blocust\b", "wrk": r"^wrk",
    "Java": r"^Java/", "Java HttpClient": r"^Java-http-client/", "Reactor Netty": r"^ReactorNetty/",
    "undici": r"^undici$|^node$", "Deno": r"^Deno/", "Bun": r"^Bun/", "reqwest": r"^reqwest/",
    "hyper": r"^hyper/",
    "ureq": r"^ureq/", "Faraday": r"^Faraday ", "Ruby": r"^Ruby$", "RestSharp": r"^RestSharp/",
    "Guzzle": r"^GuzzleHttp/", "urllib3": r"^python-urllib3/", "gRPC": r"^grpc-",
    "PowerShell": r"WindowsPowerShell/|PowerShell/",
}  # fmt: skip

_TOOL_TAGS: Final = {"http-library", "browser-automation"}


class _Listed(TypedDict):
    """One entry of `crawler-user-agents`, as far as it is read."""

    pattern: str
    tags: list[str]
    instances: list[str]


@cache
def known_bots() -> tuple[Bot, ...]:
    """All of them, the most telling first: the first pattern that matches counts."""
    listed: list[_Listed] = crawleruseragents.CRAWLER_USER_AGENTS_DATA
    tools = [entry for entry in listed if _TOOL_TAGS.intersection(entry["tags"])]
    crawlers = [entry for entry in listed if not _TOOL_TAGS.intersection(entry["tags"])]
    return (
        *(Bot(name, "bad", pattern) for name, pattern in {**_ATTACK_TOOLS, **_SITE_COPIERS}.items()),
        *(Bot(_name(entry), "good", entry["pattern"]) for entry in crawlers),
        *(Bot(name, "tool", pattern) for name, pattern in _TOOLS.items()),
        *(Bot(_name(entry), "tool", entry["pattern"]) for entry in tools),
    )


def _name(entry: _Listed) -> str:
    """What the pattern finds in an example, because the list has no names."""
    if (literal := _literal(entry["pattern"])) and any(literal in each for each in entry["instances"]):
        return literal.strip(" /()^$")[:64]
    # Names are shown to people and used in policies, so they are short and without the pattern's borders.
    for instance in entry["instances"]:
        if found := re.search(entry["pattern"], instance):
            return str(found[0]).strip(" /()^$")[:64]
    return re.sub(r"[\\^$()/]", "", entry["pattern"]).strip()[:64]


_ESCAPED: Final = re.compile(r"\\([^\w\s])")
_SPECIAL: Final = re.compile(r"[\\\[\](){}.*+?|^$]")


def _literal(pattern: str) -> str:
    """What a pattern matches when that is one text, else "".

    Most patterns of the list are plain texts, so that hardly any is compiled for its name.
    """
    outside = _ESCAPED.sub("", pattern)
    return "" if _SPECIAL.search(outside) else _ESCAPED.sub(r"\1", pattern)
