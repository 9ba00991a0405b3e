"""Nobody is locked out by what others do, and campaigns are stopped all the same: engine, store, detectors, one clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from starfort.store import Store
from tests.support.callers import slot
from tests.support.logins import Caller, Campaign, Crowd, Retrying, Told, World, at, browser, play

pytestmark = pytest.mark.timeout(900)

Make = Callable[..., World]


@pytest.fixture
def world(store: Store, tmp_path: Path) -> Make:
    """Makes a world in a time of its own."""
    return lambda **more: World.made(store, tmp_path, slot(), **more)


def people(name: str, count: int, networks: int = 5, first: int = 0) -> list[Caller]:
    """People with one browser, each with an own address, over some networks."""
    tool = browser(name)
    return [
        Caller(
            f"{name}-{i}", f"secret of {name}-{i}", at(first + i % networks, 1 + i // networks % 250), tool
        )
        for i in range(count)
    ]


def spread(name: str, networks: int, members: int, first: int) -> list[tuple[str, list[str]]]:
    """Members of a campaign with one tool over so many networks."""
    return [(at(first + i % networks, 1 + i // networks % 250), browser(name)) for i in range(members)]


def test_twenty_people_keep_logging_in_through_a_campaign_with_their_browser(world: Make) -> None:
    """Failures with their browser from 20 other networks cost nobody a log-in, and are stopped within 3 s."""
    here = world()
    crowd = Crowd(people("Main", 20), rate=0.8)
    play(here, 60, [crowd], judge=False)
    here.people, began = Told(), here.now
    play(here, 25, [crowd, Campaign(spread("Main", 20, 200, 100), rate=50)])
    assert here.people.right > 15
    assert here.people.lost <= 0.02 * here.people.right
    assert here.campaign.first_stopped is not None
    assert here.campaign.first_stopped - began <= 3
    assert here.campaign.stopped > 0.7 * here.campaign.wrong
    here.every_s = 2
    play(here, 30, [crowd])
    here.people = Told()
    play(here, 5, [crowd])
    assert here.people.lost == 0
    assert not here.table.active()
    assert not {kind for _, kind, _ in here.raised} & {"fingerprint", "ja4", "network"}


def test_networks_need_no_database(world: Make) -> None:
    """The same without a database of networks: networks are /24 then, and new people in people's networks get in."""
    here = world()
    tool = browser("Plain")
    folk = [Caller(f"plain-{i}", f"secret {i}", f"172.16.{i % 5}.{1 + i % 250}", tool) for i in range(400)]
    play(here, 40, [Crowd(folk[:20], rate=0.8)], judge=False)
    here.people, began = Told(), here.now
    members = [(f"172.17.{i % 20}.{1 + i // 20}", tool) for i in range(200)]
    play(here, 12, [Crowd(folk[20:], rate=1), Campaign(members, rate=50)])
    assert here.people.lost <= 0.02 * here.people.right
    assert here.campaign.first_stopped is not None
    assert here.campaign.first_stopped - began <= 3
    assert here.campaign.stopped > 0.6 * here.campaign.wrong  # 3 of the 12 s, and probes, get through


def test_campaign_over_200_networks_with_peoples_browser_is_stopped(world: Make) -> None:
    """Slow for each address and network: who is stopped are strangers, within 3 s, and nobody else."""
    here = world()
    crowd = Crowd(people("Broad", 20), rate=0.8)
    play(here, 180, [crowd], judge=False)  # nobody of them is new any more
    here.people, began = Told(), here.now
    play(here, 15, [crowd, Campaign(spread("Broad", 200, 2000, 300), rate=50)])
    assert here.people.lost == 0
    assert here.campaign.first_stopped is not None
    assert here.campaign.first_stopped - began <= 3
    assert here.campaign.stopped > 0.6 * here.campaign.wrong
    here.every_s = 2
    play(here, 30, [crowd])
    here.people = Told()
    play(here, 5, [crowd])
    assert here.people.lost == 0


@pytest.mark.parametrize(
    ("name", "networks", "rate"), [("Narrow", 1, 40), ("Wide", 200, 30)], ids=["one network", "200 networks"]
)
def test_campaign_with_a_tool_of_its_own_is_stopped(
    world: Make, name: str, networks: int, rate: float
) -> None:
    """Rotating user agents and found passwords (1 %) hide nothing; people do not notice."""
    here = world()
    crowd = Crowd(people(f"{name}People", 20), rate=0.8)
    play(here, 20, [crowd], judge=False)
    here.people, began = Told(), here.now
    campaign = Campaign(spread(name, networks, 1000, 600), rate=rate, hits=0.01, agents=50)
    play(here, 15, [crowd, campaign])
    assert here.people.lost == 0
    assert here.campaign.first_stopped is not None
    assert here.campaign.first_stopped - began <= 3.1
    assert here.campaign.stopped > 0.7 * here.campaign.wrong


@pytest.mark.parametrize("released", [False, True], ids=["same tool", "new tool"])
def test_app_whose_log_in_fails_for_70_s_is_not_locked_out(world: Make, released: bool) -> None:
    """Everybody fails and tries again, known people too: nothing is signalled, and nobody is refused after the repair."""
    here = world()
    name = f"App{released:d}"
    users = people(name, 150)
    app = Retrying(users, rate=2.2, mistype=0)
    play(here, 130, [app], judge=False)
    if released:
        new = browser(f"{name}New")
        app.callers = [Caller(user.account, user.password, user.address, new) for user in users]
    here.broken, here.every_s = True, 2
    play(here, 70, [app])
    here.broken, here.people = False, Told()
    play(here, 15, [app])
    assert here.people.right > 15
    assert here.people.lost == 0
    assert not here.raised


def test_log_in_that_never_worked_is_free_within_30_s_of_its_repair(world: Make) -> None:
    """Nobody knows any of its people, so it looks as a campaign does; probes that succeed show that it is none."""
    here = world(broken=True)
    app = Retrying(people("Cold", 3000), rate=4, mistype=0)
    play(here, 40, [app])
    here.broken = False
    play(here, 30, [app])
    here.people = Told()
    play(here, 5, [app])
    assert here.people.right > 5
    assert here.people.lost == 0


def test_office_behind_one_address_is_no_campaign(world: Make) -> None:
    """80 people who were never there, half of whom mistype, behind one address."""
    here = world()
    tool = browser("Office")
    office = Crowd(
        [Caller(f"clerk-{i}", f"of clerk {i}", at(1500, 1), tool) for i in range(80)], 3, mistype=0.5
    )
    play(here, 30, [office])
    assert not here.raised
    assert here.people.lost == 0


def test_rush_to_a_password_manager_is_no_campaign(world: Make) -> None:
    """Nine of ten people, none of them known, fail once with the old password before they get in."""
    here = world()
    rush = Crowd(people("Manager", 3000, networks=40, first=1540), rate=6, mistype=0.9)
    play(here, 30, [rush])
    assert not here.raised
    assert here.people.lost == 0


def test_app_of_ten_thousand_people_outlives_a_campaign_with_its_headers(world: Make) -> None:
    """One fingerprint for all, none of them known: those networks are stopped that nobody uses it in."""
    here = world()
    app = Crowd(people("Mobile", 10_000, networks=30, first=1600), rate=15, mistype=0.05)
    play(here, 20, [app], judge=False)
    here.people = Told()
    play(here, 15, [app, Campaign(spread("Mobile", 20, 200, 1700), rate=40)])
    assert here.people.lost <= 0.02 * here.people.right
    assert here.campaign.stopped > 0.5 * here.campaign.wrong


def test_monitor_that_always_fails_is_no_campaign(world: Make) -> None:
    """One account from twelve places, three times a second, for a minute and more."""
    here = world()
    monitors = [Caller("monitor", "wrong", at(1800 + i, 5), browser("Monitor")) for i in range(12)]
    for beat in range(210):
        here.login(monitors[beat % 12], right=False, of=here.campaign)
        here.pass_time(here.now + 1 / 3, judge=beat % 9 == 0)
    assert not here.raised
    assert here.campaign.stopped == 0


def test_spraying_spares_those_who_have_that_password(world: Make) -> None:
    """One password on 300 accounts from as many tools: it is stopped, and its rightful owners, who are known, get in."""
    here = world(kinds=["password_spraying"])
    owners = [Caller(f"owner-{i}", "Summer2026!", at(1900, 1 + i), browser("Owners")) for i in range(5)]
    for _ in range(2):
        for owner in owners:
            here.login(owner, right=True, of=here.people)
            here.pass_time(here.now + 1, judge=False)
    here.people = Told()
    for attempt in range(300):
        sprayer = Caller(
            f"victim-{attempt}", "Summer2026!", at(1910 + attempt % 90, 9), browser(f"Spray{attempt}")
        )
        here.login(sprayer, right=False, of=here.campaign)
        if attempt % 20 == 0:
            here.login(owners[attempt // 20 % 5], right=True, of=here.people)
        here.pass_time(here.now + 0.1)
    assert here.people.lost == 0
    assert here.campaign.stopped > 0.7 * here.campaign.wrong
