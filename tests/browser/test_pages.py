"""What people do on the pages."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By

from tests.browser.addresses import detail
from tests.browser.conftest import Browser, Estate
from tests.support.browser import text, visit, wait
from tests.support.estate import HOSTILE_AGENT, HOSTILE_PATH, HOSTILE_SUBJECT, MARKUP, MATCHED


def _click(browser: Browser, name: str) -> None:
    """Press the button or follow the link of that name."""
    found = browser.driver.find_element(By.XPATH, f"//*[self::a or self::button][contains(., '{name}')]")
    browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
    found.click()


def _arrive(browser: Browser, condition: str) -> None:
    wait(browser.driver, condition)
    wait(browser.driver, "document.querySelector('main#main h1') !== null")


def _alert(estate: Estate, kind: str) -> dict[str, object]:
    """The latest alert of a kind."""
    answer = estate.session("admin").client.get("/api/v1/alerts", params={"kind": kind})
    found: dict[str, object] = answer.json()["items"][0]
    return found


def _buttons(browser: Browser) -> list[str]:
    found = browser.run("[...document.querySelectorAll('main button.act')].map(e => e.innerText)")
    return [str(name) for name in found]


def test_from_the_tree_to_an_endpoint(estate: Estate, browser: Browser) -> None:
    """Host, path, endpoint: its page has parameters, consumers and what is wrong with it."""
    browser.open(estate, "/catalogue")
    browser.driver.find_element(By.PARTIAL_LINK_TEXT, "shop.example.com").click()
    _arrive(browser, "location.search.includes('host=shop.example.com')")
    browser.driver.find_element(By.CSS_SELECTOR, ".tree a[href*='prefix=%2Fv2']").click()
    _arrive(browser, "location.search.includes('prefix=%2Fv2')")
    browser.driver.find_element(By.LINK_TEXT, "/v2/customers/{id}/export").click()
    _arrive(browser, "location.pathname.startsWith('/catalogue/')")
    shown = text(browser.driver)
    for part in ("undocumented", "card_number", "answers without credentials", "Consumers", "cursor"):
        assert part in shown, part


@pytest.mark.parametrize(
    ("query", "every_row"),
    [
        ("action=block", "block"),
        ("action=divert", "ofx-only-from-home-markets"),
        ("path=statement", "statement"),
    ],
)
def test_events_are_filtered_by_the_address(
    estate: Estate, browser: Browser, query: str, every_row: str
) -> None:
    """An address with filters shows only what they let through."""
    browser.open(estate, f"/events?range=24h&{query}")
    rows = browser.run("[...document.querySelectorAll('tbody tr')].map(e => e.innerText)")
    assert rows
    assert all(every_row in row for row in rows)


def test_a_filter_is_taken_away(estate: Estate, browser: Browser) -> None:
    """The chip of a filter leads to the same list without it."""
    browser.open(estate, "/events?range=24h&address=203.0.113.77&bot=bad")
    _click(browser, "address: 203.0.113.77")
    _arrive(browser, "!location.search.includes('address=')")
    assert browser.run("location.search") == "?bot=bad&range=24h"


def test_what_no_filter_accepts_is_left_out(estate: Estate, browser: Browser) -> None:
    """An address that makes no sense shows the list instead of an error."""
    browser.open(estate, "/events?range=nonsense&address=<b>&status=999&offset=-1")
    assert browser.run("document.querySelectorAll('tbody tr').length") == 50


def test_an_operator_acknowledges_an_alert(estate: Estate, browser: Browser) -> None:
    """The alert says by whom it was seen, and the button is gone."""
    alert = _alert(estate, "object_enumeration")
    browser.open(estate, f"/alerts/{alert['id']}", "amina")
    _click(browser, "Acknowledge")
    wait(browser.driver, "document.body.innerText.includes('seen by amina')")
    assert "Acknowledge" not in _buttons(browser)
    assert _alert(estate, "object_enumeration")["acknowledged_by"] == "amina"


def test_a_viewer_changes_nothing(estate: Estate, browser: Browser) -> None:
    """A viewer has no button that changes anything, and the API refuses them."""
    alert = _alert(estate, "region_change")
    browser.open(estate, f"/alerts/{alert['id']}", "vera")
    assert _buttons(browser) == []
    assert estate.session("vera").write("POST", f"/alerts/{alert['id']}/acknowledge").status_code == 403
    browser.open(estate, detail(estate, "signal"), "vera")
    assert _buttons(browser) == []
    assert not _alert(estate, "region_change")["acknowledged_by"]


def test_a_button_outlives_no_role(estate: Estate, browser: Browser) -> None:
    """Who loses the role while a page is open is refused by the page's buttons."""
    admin = estate.session("admin")
    account = {"name": "olga", "password": "olga's long password", "role": "operator"}
    assert admin.write("POST", "/users", account).status_code == 201
    alert = _alert(estate, "tls_certificate")
    session = estate.enter("olga", account["password"])
    browser.become(estate, session)
    visit(browser.driver, estate.served, f"/alerts/{alert['id']}")
    assert admin.write("PATCH", "/users/olga", {"role": "viewer"}).status_code == 200
    _click(browser, "Acknowledge")
    wait(browser.driver, "document.body.innerText.includes('this needs the role operator')")
    assert not _alert(estate, "tls_certificate")["acknowledged_by"]
    session.client.close()


def test_muting_a_subject(estate: Estate, browser: Browser) -> None:
    """A muted alert is marked, and the mute is listed with who made it."""
    alert = _alert(estate, "new_endpoint")
    browser.open(estate, f"/alerts/{alert['id']}", "amina")
    _click(browser, "Mute this subject for 1 hour")
    wait(browser.driver, "document.querySelector('.crumbs').innerText.includes('muted')")
    assert not any("Mute" in name for name in _buttons(browser))
    browser.open(estate, "/alerts", "vera")
    mutes = browser.driver.find_element(By.CSS_SELECTOR, "table[aria-label=mutes]").text
    assert "amina" in mutes
    assert str(alert["subject"]) in mutes


def test_lifting_a_signal(estate: Estate, browser: Browser) -> None:
    """A lifted signal is gone from the list and from detection's table."""
    browser.open(estate, "/signals/one?kind=credential_stuffing&key_type=address&key=198.18.0.3", "amina")
    _click(browser, "Lift this signal")
    _arrive(browser, "location.pathname === '/signals'")
    keys = browser.run(
        "[...document.querySelectorAll('table[aria-label=signals] td .mono')].map(e => e.innerText)"
    )
    assert "198.18.0.4" in keys
    assert "198.18.0.3" not in keys
    left = estate.session("admin").client.get("/api/v1/signals", params={"limit": 200}).json()["items"]
    assert "198.18.0.3" not in [row["key"] for row in left]


def test_what_observe_mode_would_have_done(estate: Estate, browser: Browser) -> None:
    """A policy that observes shows how many requests it would have stopped, whose, and where."""
    browser.open(estate, "/policies")
    assert "Waiting for your decision" in text(browser.driver)
    browser.driver.find_element(By.LINK_TEXT, "only-documented").click()
    _arrive(browser, "location.pathname === '/policies/only-documented'")
    shown = text(browser.driver)
    assert "Would have blocked" in shown
    assert "GET /v2/customers/{id}/export" in shown
    assert "would block" in shown


def test_findings_lead_to_their_endpoints(estate: Estate, browser: Browser) -> None:
    """The most severe finding comes first, says why it matters and leads to its endpoint."""
    browser.open(estate, "/findings?severity=high")
    rows = browser.run(
        "[...document.querySelectorAll('table[aria-label=findings] tbody tr')].map(e => e.innerText)"
    )
    assert rows
    assert all("high" in row for row in rows)
    browser.driver.find_element(By.PARTIAL_LINK_TEXT, "/v2/customers/{id}/export answers without").click()
    _arrive(browser, "location.pathname.startsWith('/catalogue/')")
    assert browser.driver.find_element(By.CSS_SELECTOR, "table[aria-label=findings]").text


def test_what_a_rule_matched_is_shown_masked(estate: Estate, browser: Browser) -> None:
    """From the list of findings to a request: rule, what it says, variable and masked value."""
    browser.open(estate, "/findings?range=24h")
    row = browser.driver.find_element(By.XPATH, "//tr[contains(., 'Rule 942100')]").text
    for part in ("SQL Injection Attack Detected via libinjection", "ARGS:q", "9' OR 'a{6}'='a{6}"):
        assert part in row, part
    browser.driver.find_element(By.PARTIAL_LINK_TEXT, "942100").click()
    _arrive(browser, "location.search.includes('finding=rule%3A942100')")
    browser.driver.find_element(By.CSS_SELECTOR, "tbody tr a[href^='/events/']").click()
    _arrive(browser, "location.pathname.startsWith('/events/')")
    shown = browser.driver.find_element(By.CSS_SELECTOR, "table[aria-label='matched rules']").text
    for part in ("942100", "critical", "libinjection", "ARGS:q", "9' OR 'a{6}'='a{6}"):
        assert part in shown, part


def test_an_alert_lists_what_matched(estate: Estate, browser: Browser) -> None:
    """Each match on a line of its own, markup in it as text."""
    browser.open(estate, f"/alerts/{_alert(estate, 'exploit_attempts')['id']}")
    lines = browser.run("[...document.querySelectorAll('main ul.evidence li')].map(e => e.innerText)")
    assert lines == [f"942100 SQL at ARGS:q: {MATCHED}", MARKUP]
    assert browser.run("document.querySelector('main script') === null")


def test_the_theme_stays(estate: Estate, browser: Browser) -> None:
    """A theme that somebody chose is theirs on every page."""
    browser.open(estate, "/nodes", "vera")
    _click(browser, "System")
    wait(browser.driver, "document.querySelector('.theme').innerText.includes('Light')")
    _click(browser, "Light")
    wait(browser.driver, "document.body.classList.contains('body--dark')")
    browser.open(estate, "/policies", "vera")
    wait(browser.driver, "document.body.classList.contains('body--dark')")
    _click(browser, "Dark")
    wait(browser.driver, "document.querySelector('.theme').innerText.includes('System')")


def test_figures_refresh_by_themselves(estate: Estate, browser: Browser) -> None:
    """The overview shows an acknowledgement that somebody else makes, without being loaded again."""
    admin = estate.session("admin")
    open_alerts = "Number(document.querySelector('.tile .value').innerText)"
    browser.open(estate, "/", "vera")
    browser.driver.execute_script("window.same = true")
    before = browser.run(open_alerts)
    alert = next(row for row in admin.client.get("/api/v1/alerts?open=true").json()["items"] if row["count"])
    assert not alert["acknowledged_by"]
    assert admin.write("POST", f"/alerts/{alert['id']}/acknowledge").status_code == 200
    wait(browser.driver, f"{open_alerts} === {before - 1}")
    assert browser.run("window.same === true")


def test_attackers_texts_are_shown_as_they_are(estate: Estate, browser: Browser) -> None:
    """Markup in paths, user agents and subjects is text on the page, and nothing of it runs."""
    browser.open(estate, detail(estate, "event"))
    shown = text(browser.driver)
    match = ("<script>window.pwned=8</script>", "ARGS:<img src=x onerror=window.pwned=9>", "{{9*9}}")
    for hostile in (HOSTILE_PATH, HOSTILE_AGENT, HOSTILE_SUBJECT, *match):
        assert hostile in shown, hostile
    assert browser.run("document.querySelector('main img, main script') === null")
    assert browser.run("window.pwned === undefined")
