"""Known bots."""

import re

import crawleruseragents
import pytest

from starfort import _engine, bundle
from starfort.bundle.model import BOT_CLASSES
from starfort.traffic import bots
from starfort.traffic.bots import known_bots

PATTERNS = [(re.compile(bot.pattern), bot) for bot in known_bots()]


def classify(user_agent: str) -> tuple[str, str]:
    """Class and name, as the engine finds them: the first pattern that fits."""
    return next(
        ((bot.class_, bot.name) for pattern, bot in PATTERNS if pattern.search(user_agent)), ("none", "")
    )


@pytest.mark.parametrize(
    ("user_agent", "wanted"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", ("good", "Googlebot")),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", ("good", "bingbot")),
        ("sqlmap/1.8.2#stable (https://sqlmap.org)", ("bad", "sqlmap")),
        ("Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:Port Check)", ("bad", "Nikto")),
        ("Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)", ("bad", "Nmap")),
        ("Mozilla/5.0 zgrab/0.x", ("bad", "ZGrab")),
        ("Scrapy/2.11.0 (+https://scrapy.org)", ("bad", "Scrapy")),
        ("curl/8.5.0", ("tool", "curl")),
        ("python-requests/2.32.3", ("tool", "python-requests")),
        ("Wget/1.21.4", ("tool", "Wget")),
        ("Go-http-client/2.0", ("tool", "Go-http-client")),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36",
         ("tool", "HeadlessChrome")),
        ("SomeCrawler (compatible; Discordbot/2.0) Go-http-client/1.1", ("good", "Discordbot")),
    ],
)  # fmt: skip
def test_bots_are_known(user_agent: str, wanted: tuple[str, str]) -> None:
    """Crawlers, attack tools and libraries by what they send."""
    assert classify(user_agent) == wanted


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
        "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
        "",
    ],
)
def test_people_are_no_bots(user_agent: str) -> None:
    """Browsers in wide use."""
    assert classify(user_agent) == ("none", "")


def test_patterns_can_be_used_by_the_engine() -> None:
    """One that cannot would make the whole bundle unusable."""
    assert {bot.class_ for bot in known_bots()} == set(BOT_CLASSES)
    assert [bot for bot in known_bots() if not bot.name] == []
    limits = bundle.Limits(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
    made = bundle.Bundle("node", bytes(32), False, limits, apis=(), bots=known_bots())
    assert _engine.check_bundle(bundle.encode(made))["bots"] == len(known_bots())


def test_examples_of_the_list_are_found() -> None:
    """What comes first may take an example over, but none is lost."""
    examples = [one for entry in crawleruseragents.CRAWLER_USER_AGENTS_DATA for one in entry["instances"][:1]]
    assert len(examples) > 1000
    assert [one for one in examples if classify(one)[0] == "none"] == []


def test_names_are_the_same_whether_patterns_are_compiled_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern that is one text names the bot as the compiled pattern would."""
    quick = known_bots()
    known_bots.cache_clear()
    monkeypatch.setattr(bots, "_literal", lambda _: "")
    assert known_bots() == quick
    known_bots.cache_clear()
    monkeypatch.undo()
    assert bots._literal(r"Googlebot\/") == "Googlebot/"
    assert [each for each in ("a.c", "^x", r"a\b", r"\d", "(a)", "a|b", "a+") if bots._literal(each)] == []
