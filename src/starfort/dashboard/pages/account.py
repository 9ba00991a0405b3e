"""Account: one's own password and API tokens; for administrators all accounts and the audit log."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from nicegui import ui

from starfort.admin import audit
from starfort.admin.errors import AdminError
from starfort.admin.roles import Role
from starfort.dashboard.frame import act, actions, grid, panel, show, title_bar
from starfort.dashboard.page import Menu, Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import View

TOKEN_LIFE: Final = timedelta(days=90)
AUDIT_ROWS: Final = 30
"""Entries of the audit log that the page shows; the API gives all."""

part = Template("account.html")


async def build(view: View) -> None:
    """Fill the page."""
    title_bar(view, "Account", ranges=False)
    with grid("two"):
        with panel():
            _password(view)
        with panel():
            _token(view)
    with grid(""):
        _sessions(view)
        _tokens(view)
        if view.allowed(Role.ADMIN):
            show(part("accounts", accounts=view.desk.accounts.list(), viewer=view.viewer))
            entries = audit.page(view.desk.database, AUDIT_ROWS)
            show(part("audit", entries=entries, viewer=view.viewer))


def _password(view: View) -> None:
    show(part("head", title="Change your password"))
    current = _password_field("Current password", "current-password")
    new = _password_field("New password, at least 12 characters", "new-password")

    async def change() -> None:
        who = view.actor(Role.VIEWER)
        # A page that stays open on a desk must not be enough to take an account over.
        await view.desk.login.confirm(who.name, current.value or "", view.address)
        view.desk.accounts.set_password(who.name, new.value or "", who, view.viewer.principal.session_key)
        # NiceGUI keeps a field's text on the server while the page is open.
        current.value = new.value = ""
        ui.notify("Password changed; your other sessions have ended", type="positive")

    act("Change password", change)
    show(part("second_factor", on=view.viewer.principal.second_factor))


def _password_field(label: str, autocomplete: str) -> ui.input:
    return ui.input(label, password=True).props(f"outlined dense autocomplete={autocomplete}")


def _token(view: View) -> None:
    show(part("head", title="Create an API token", note="it may do what you may do, for 90 days"))
    name = ui.input("Purpose").props("outlined dense maxlength=64")
    shown = ui.label("").classes("mono").props("aria-live=polite")

    async def create() -> None:
        who = view.actor(Role.VIEWER)
        expires = datetime.now(UTC) + TOKEN_LIFE
        _, text = view.desk.tokens.create(
            who.name, name.value or "", view.viewer.principal.role, expires, who
        )
        shown.set_text(f"{text}  (copy it now: it is not shown again)")

    act("Create token", create)


def _sessions(view: View) -> None:
    mine = view.desk.sessions.list(view.viewer.principal.name)
    # The id of a session is the beginning of its key.
    current = view.viewer.principal.session_key
    show(part("sessions", sessions=mine, current=current, viewer=view.viewer))

    def end(session_id: str) -> None:
        who = view.actor(Role.VIEWER)
        view.desk.sessions.end(who.name, session_id)
        with view.desk.database.begin() as session:
            audit.record(session, who, "session.end", f"{who.name}/{session_id}")

    others = {each.id: f"{each.id} from {each.address}" for each in mine if not current.startswith(each.id)}
    _choose(others, "Session to end", "End it", end)


def _tokens(view: View) -> None:
    everybody = view.allowed(Role.ADMIN)
    # Administrators see everybody's tokens, to revoke those of people who left.
    tokens = view.desk.tokens.list(None if everybody else view.viewer.principal.name)
    show(part("tokens", tokens=tokens, viewer=view.viewer))

    def revoke(token_id: str) -> None:
        who = view.actor(Role.VIEWER)
        # With an owner, nothing happens to tokens of others, whatever id the browser sends.
        owner = None if view.allowed(Role.ADMIN) else who.name
        view.desk.tokens.revoke(int(token_id), who, owner)

    choices = {str(token.id): f"{token.owner} / {token.name}" for token in tokens}
    _choose(choices, "Token to revoke", "Revoke", revoke)


def _choose(choices: dict[str, str], label: str, button: str, change: Callable[[str], None]) -> None:
    """A choice and the button that acts on it; nothing when there is nothing to choose.

    Args:
        choices: what can be chosen, with what people see of it.
        label: what is chosen.
        button: what the button says.
        change: acts on what was chosen. The page is loaded again after it.
    """
    if not choices:
        return
    with actions():
        choice = ui.select(choices, label=label).props("outlined dense").style("min-width:260px")

        async def act_on_choice() -> None:
            if choice.value is None:
                raise AdminError(f"choose first: {label.lower()}")
            change(str(choice.value))
            ui.navigate.reload()

        act(button, act_on_choice)


PAGE = Page(
    "/account",
    "Account",
    build,
    menu=Menu(100, "M12 2v4m0 12v4M2 12h4m12 0h4M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z"),
)
