"""Login attempts: answer, limit, second factor, audit."""

import asyncio
from pathlib import Path

import pyotp
import pytest

from starfort.admin import audit
from starfort.admin.accounts import Accounts
from starfort.admin.audit import CLI
from starfort.admin.errors import RefusedError, TooManyError
from starfort.admin.limiter import LIMITS, WINDOW_S, Limiter
from starfort.admin.login import MAX_WAITING, CodeNeededError, Login
from starfort.admin.roles import Role
from starfort.admin.second_factor import SecondFactor
from starfort.admin.sessions import Sessions
from starfort.state.database import StateDatabase

PASSWORD = "correct horse battery"
HOME = "127.0.0.1"


class Clock:
    """A clock that a test turns."""

    now = 1_790_000_010.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of limiter and codes."""
    return Clock()


@pytest.fixture
def sessions(database: StateDatabase, tmp_path: Path) -> Sessions:
    """Sessions of the installation."""
    return Sessions(database, tmp_path)


@pytest.fixture
def second_factor(database: StateDatabase, tmp_path: Path, clock: Clock) -> SecondFactor:
    """Second factors of the installation."""
    return SecondFactor(database, tmp_path, clock)


@pytest.fixture
def login(
    accounts: Accounts, database: StateDatabase, sessions: Sessions, clock: Clock, second_factor: SecondFactor
) -> Login:
    """Logins of an installation with one account, `ann`."""
    accounts.add("ann", PASSWORD, Role.VIEWER, CLI)
    return Login(database, sessions, Limiter(clock), second_factor)


async def outcome(login: Login, password: str, address: str, **more: str) -> str:
    """What an attempt comes to."""
    try:
        await login.attempt("ann", password, address, **more)  # type: ignore[arg-type]  # browser and code are texts
    except RefusedError:
        return "refused"
    except TooManyError:
        return "limited"
    return "in"


async def test_right_password(login: Login, database: StateDatabase, sessions: Sessions) -> None:
    """The right password opens a session and is audited."""
    entry = await login.attempt(" Ann ", PASSWORD, HOME)
    principal = sessions.find(entry.session)
    assert principal is not None
    assert principal.name == "ann"
    assert audit.page(database, 1)[0].action == "login"


async def test_same_answer_for_unknown_and_wrong(login: Login) -> None:
    """The answer does not tell whether the account exists."""
    with pytest.raises(RefusedError) as wrong:
        await login.attempt("ann", "not the password", HOME)
    with pytest.raises(RefusedError) as unknown:
        await login.attempt("nobody", "not the password", HOME)
    assert wrong.value.detail == unknown.value.detail


async def test_guessing_is_limited_even_with_the_right_password(login: Login, clock: Clock) -> None:
    """After too many failures the right password is refused too, until the window has passed."""
    for _ in range(LIMITS["pair"]):
        assert await outcome(login, "not the password", HOME) == "refused"
    with pytest.raises(TooManyError) as caught:
        await login.attempt("ann", PASSWORD, HOME)
    assert 0 < caught.value.retry_after_s <= WINDOW_S
    assert await outcome(login, PASSWORD, "192.0.2.7") == "in"
    clock.now += WINDOW_S + 1
    assert await outcome(login, PASSWORD, HOME) == "in"


async def test_guesses_at_once_are_counted_like_guesses_one_by_one(login: Login) -> None:
    """Of thirty guesses that arrive together only as many are verified as the limit allows."""
    found = await asyncio.gather(*(outcome(login, f"guess number {n}", HOME) for n in range(30)))
    assert found.count("refused") == LIMITS["pair"]
    assert found.count("limited") == 30 - LIMITS["pair"]


async def test_right_attempts_at_once_all_pass(login: Login) -> None:
    """Counting before verifying limits nobody who is right: ten tabs may log in, again and again."""
    for _ in range(5):
        found = await asyncio.gather(*(outcome(login, PASSWORD, HOME) for _ in range(LIMITS["pair"])))
        assert set(found) == {"in"}


async def test_a_stranger_locks_nobody_out(login: Login) -> None:
    """While strangers use up the account's and the office's limits, a browser that was in before gets in."""
    entry = await login.attempt("ann", PASSWORD, HOME)
    for number in range(LIMITS["account"]):
        await outcome(login, "guess", f"198.51.100.{number}")
    for number in range(LIMITS["address"]):
        with pytest.raises(RefusedError):
            await login.attempt(f"user{number}", "guess", HOME)
    assert await outcome(login, PASSWORD, HOME) == "limited"
    assert await outcome(login, PASSWORD, "203.0.113.9") == "limited"
    assert await outcome(login, PASSWORD, HOME, browser=entry.browser) == "in"
    assert await outcome(login, PASSWORD, "203.0.113.9", browser=entry.browser) == "in"


async def test_an_account_under_attack_is_slowed_and_not_closed(login: Login, clock: Clock) -> None:
    """From an unknown browser, one attempt each six seconds is let through."""
    for number in range(LIMITS["account"]):
        await outcome(login, "guess", f"198.51.100.{number}")
    with pytest.raises(TooManyError) as caught:
        await login.attempt("ann", PASSWORD, "203.0.113.9")
    assert caught.value.retry_after_s <= WINDOW_S / LIMITS["account"]
    clock.now += caught.value.retry_after_s
    assert await outcome(login, PASSWORD, "203.0.113.9") == "in"


async def test_a_known_browser_cannot_guess_either(login: Login, accounts: Accounts) -> None:
    """Its own limit holds; the cookie is worth nothing for another account, or after a new password."""
    accounts.add("bob", PASSWORD, Role.VIEWER, CLI)
    entry = await login.attempt("bob", PASSWORD, HOME)
    for _ in range(LIMITS["pair"]):
        await outcome(login, "guess", HOME, browser=entry.browser)
    assert await outcome(login, "guess", HOME, browser=entry.browser) == "limited"
    for number in range(LIMITS["browser"]):
        with pytest.raises(RefusedError):
            await login.attempt("bob", f"guess {number}", HOME, browser=entry.browser)
    with pytest.raises(TooManyError):
        await login.attempt("bob", PASSWORD, HOME, browser=entry.browser)
    accounts.set_password("bob", "another long password", CLI)
    assert login._sessions.known_browser(entry.browser, "bob") == ""
    assert login._sessions.known_browser(entry.browser + "x", "bob") == ""


async def test_a_full_queue_stops_no_known_browser_and_counts_nothing(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attempts that were turned away unverified are given back; a known browser may wait besides."""
    entry = await login.attempt("ann", PASSWORD, HOME)
    monkeypatch.setattr(login, "_waiting", MAX_WAITING)
    for _ in range(2 * LIMITS["pair"]):
        assert await outcome(login, PASSWORD, HOME) == "limited"
    assert await outcome(login, PASSWORD, HOME, browser=entry.browser) == "in"
    monkeypatch.setattr(login, "_waiting", 0)
    assert await outcome(login, PASSWORD, HOME) == "in"


def test_spraying_from_one_network_is_limited(clock: Clock) -> None:
    """Many accounts from one IPv6 /64 count as one address; IPv4 in IPv6 form is IPv4."""
    limiter = Limiter(clock)
    for number in range(LIMITS["address"]):
        limiter.password(f"2001:db8::{number:x}", f"user{number}")
    with pytest.raises(TooManyError):
        limiter.password("2001:db8::ffff", "fresh")
    limiter.password("2001:db8:0:1::1", "fresh")
    for number in range(LIMITS["pair"]):
        limiter.password("::ffff:192.0.2.1" if number % 2 else "192.0.2.1", "one")
    with pytest.raises(TooManyError):
        limiter.password("192.0.2.1", "one")
    limiter.password("::ffff:192.0.2.2", "one")


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgotten counters are counted."""
    monkeypatch.setattr("starfort.admin.limiter.MAX_KEYS", 30)
    limiter = Limiter(clock)
    for number in range(100):
        limiter.password(f"10.0.0.{number}", f"user{number}")
    assert limiter.forgotten == 300 - 30


def enrol(second_factor: SecondFactor, clock: Clock) -> tuple[pyotp.TOTP, list[str]]:
    """Turn ann's second factor on."""
    totp = pyotp.TOTP(second_factor.begin("ann").secret)
    return totp, second_factor.confirm("ann", totp.at(int(clock.now)), CLI)


async def test_second_factor(login: Login, second_factor: SecondFactor, clock: Clock) -> None:
    """A right password alone opens nothing; with a code it does, once per code."""
    totp, _ = enrol(second_factor, clock)
    with pytest.raises(CodeNeededError) as needed:
        await login.attempt("ann", PASSWORD, HOME)
    with pytest.raises(RefusedError, match="password"):
        await login.attempt("ann", "not the password", HOME, code=totp.at(int(clock.now)))
    clock.now += 30
    code = totp.at(int(clock.now))
    assert login.finish(needed.value.ticket, f"{code[:3]} {code[3:]}", HOME).session
    with pytest.raises(RefusedError, match="used already"):
        login.finish(needed.value.ticket, code, HOME)
    with pytest.raises(RefusedError, match="used already"):
        await login.attempt("ann", PASSWORD, HOME, code=totp.at(int(clock.now) - 30))
    clock.now += 30
    assert (await login.attempt("ann", PASSWORD, HOME, code=totp.at(int(clock.now)))).session


async def test_one_code_opens_one_session_of_many_at_once(
    login: Login, second_factor: SecondFactor, clock: Clock
) -> None:
    """The same code sent ten times at once is accepted once; the same recovery code too."""
    totp, codes = enrol(second_factor, clock)
    clock.now += 30
    for code in (totp.at(int(clock.now)), codes[0]):
        found = await asyncio.gather(
            *(asyncio.to_thread(second_factor.accepts, "ann", code) for _ in range(10))
        )
        assert found.count(True) == 1


async def test_recovery_codes(
    login: Login, second_factor: SecondFactor, clock: Clock, database: StateDatabase
) -> None:
    """Each works once, however it is typed; the database does not hold them."""
    _, codes = enrol(second_factor, clock)
    assert len(set(codes)) == 10
    assert (await login.attempt("ann", PASSWORD, HOME, code=codes[3].upper().replace("-", " "))).session
    assert second_factor.recovery_left("ann") == 9
    with pytest.raises(RefusedError):
        await login.attempt("ann", PASSWORD, HOME, code=codes[3])
    content = database.path.read_bytes()
    for code in codes:
        assert code.encode() not in content
        assert code.replace("-", "").encode() not in content


async def test_codes_are_limited(login: Login, second_factor: SecondFactor, clock: Clock) -> None:
    """Wrong codes are counted before they are looked at, from one address and from many together."""
    totp, _ = enrol(second_factor, clock)
    with pytest.raises(CodeNeededError) as needed:
        await login.attempt("ann", PASSWORD, HOME)
    clock.now += 30
    wrong = "000000" if totp.at(int(clock.now)) != "000000" else "000001"

    def guess(address: str) -> str:
        try:
            login.finish(needed.value.ticket, wrong, address)
        except RefusedError:
            return "refused"
        except TooManyError:
            return "limited"
        return "in"

    here = [guess(HOME) for _ in range(100)]
    assert here == ["refused"] * LIMITS["code"] + ["limited"] * (100 - LIMITS["code"])
    everywhere = [guess(f"198.51.100.{number}") for number in range(100)]
    assert everywhere.count("refused") == LIMITS["code_account"] - LIMITS["code"]
    assert everywhere.count("in") == 0
    clock.now += WINDOW_S
    assert login.finish(needed.value.ticket, totp.at(int(clock.now)), HOME).session


async def test_strangers_cannot_use_up_an_account_with_a_second_factor(
    login: Login, second_factor: SecondFactor, clock: Clock
) -> None:
    """Its password alone opens nothing, so guesses from everywhere do not slow its owner."""
    totp, _ = enrol(second_factor, clock)
    for number in range(2 * LIMITS["account"]):
        await outcome(login, "guess", f"198.51.100.{number}")
    clock.now += 30
    assert (await login.attempt("ann", PASSWORD, HOME, code=totp.at(int(clock.now)))).session


async def test_tickets(
    login: Login, second_factor: SecondFactor, clock: Clock, accounts: Accounts, sessions: Sessions
) -> None:
    """The ticket of a right password cannot be forged, and a new password ends it."""
    totp, _ = enrol(second_factor, clock)
    with pytest.raises(CodeNeededError) as needed:
        await login.attempt("ann", PASSWORD, HOME)
    clock.now += 30
    code = totp.at(int(clock.now))
    for ticket in ("", "x", needed.value.ticket[:-1], sessions.browser("ann"), sessions.open("ann", HOME)):
        with pytest.raises(RefusedError, match="log in again"):
            login.finish(ticket, code, HOME)
    accounts.set_password("ann", "another long password", CLI)
    with pytest.raises(RefusedError, match="log in again"):
        login.finish(needed.value.ticket, code, HOME)


def test_secrets_are_kept_encrypted(
    login: Login, second_factor: SecondFactor, database: StateDatabase, clock: Clock, tmp_path: Path
) -> None:
    """A copy of the state database alone does not give the second factor away."""
    secret = second_factor.begin("ann").secret
    second_factor.confirm("ann", pyotp.TOTP(secret).at(int(clock.now)), CLI)
    content = b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
    assert secret.encode() not in content
    assert pyotp.TOTP(secret).byte_secret() not in content


def test_turning_it_on_needs_a_code(login: Login, second_factor: SecondFactor, clock: Clock) -> None:
    """A secret that nobody typed into an app locks nobody out; one that is on is not replaced."""
    from starfort.admin.errors import ConflictError, InvalidError, NotFoundError

    with pytest.raises(NotFoundError):
        second_factor.confirm("ann", "123456", CLI)
    secret = second_factor.begin("ann").secret
    with pytest.raises(InvalidError):
        second_factor.confirm("ann", "12345", CLI)
    assert not second_factor.enrolled("ann")
    second_factor.confirm("ann", pyotp.TOTP(secret).at(int(clock.now)), CLI)
    with pytest.raises(ConflictError):
        second_factor.begin("ann")
    second_factor.off("ann", CLI)
    assert not second_factor.enrolled("ann")
    assert second_factor.recovery_left("ann") == 0
