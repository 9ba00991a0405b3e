"""Account: one's password and API tokens, and for administrators who else there is and who changed what."""

from datetime import UTC, datetime, timedelta

from nicegui import ui

from starfort.admin import audit
from starfort.admin.errors import AdminError
from starfort.admin.roles import Role
from starfort.dashboard import second_factor, shapes
from starfort.dashboard.frame import View, act, grid, show_markup, title_bar
from starfort.dashboard.markup import tag

TOKEN_LIFE = timedelta(days=90)
AUDIT_ROWS = 30


async def build(view: View) -> None:
    """Fill the page."""
    title_bar(view, "Account", ranges=False)
    with grid("two"):
        with ui.element("section").classes("panel"):
            _password(view)
        with ui.element("section").classes("panel"):
            _token(view)
    with grid(""):
        _sessions(view)
        _tokens(view)
        if view.allowed(Role.ADMIN):
            _people(view)


def _password(view: View) -> None:
    show_markup(tag("header", tag("h2", "Change your password")))
    current = ui.input("Current password", password=True).props(
        "outlined dense autocomplete=current-password"
    )
    new = ui.input("New password, at least 12 characters", password=True).props(
        "outlined dense autocomplete=new-password"
    )

    async def change() -> None:
        who = view.actor(Role.VIEWER)
        await view.desk.login.confirm(who.name, current.value or "", view.address)
        view.desk.accounts.set_password(who.name, new.value or "", who, view.viewer.principal.session_key)
        current.value = new.value = ""
        ui.notify("Password changed; your other sessions have ended", type="positive")

    act("Change password", change)
    state = "on" if view.viewer.principal.second_factor else "off"
    show_markup(
        tag(
            "p",
            f"Second factor: {state}. ",
            tag("a", "Turn it on or off", href=second_factor.PATH),
            class_="muted",
        )
    )


def _token(view: View) -> None:
    show_markup(
        tag(
            "header",
            tag("h2", "Make an API token"),
            tag("div", "it may do what you may, for 90 days", class_="note"),
        )
    )
    name = ui.input("What it is for").props("outlined dense maxlength=64")
    shown = ui.label("").classes("mono").props("aria-live=polite")

    async def make() -> None:
        who = view.actor(Role.VIEWER)
        role = view.viewer.principal.role
        _, text = view.desk.tokens.create(
            who.name, name.value or "", role, datetime.now(UTC) + TOKEN_LIFE, who
        )
        shown.set_text(f"{text}  (copy it now: it is not shown again)")

    act("Make token", make)


def _sessions(view: View) -> None:
    mine = view.desk.sessions.list(view.viewer.principal.name)
    current = view.viewer.principal.session_key
    rows = [
        (
            "this one" if current.startswith(each.id) else tag("span", each.id, class_="mono"),
            each.address,
            view.viewer.ago(each.created),
            view.viewer.ago(each.last_used),
        )
        for each in mine
    ]
    heads = ("Session", "From", "Began", "Last used")
    show_markup(shapes.panel("Your sessions", shapes.table(heads, rows, label="sessions")))
    others = {each.id: f"{each.id} from {each.address}" for each in mine if not current.startswith(each.id)}
    if not others:
        return
    with ui.element("div").classes("actions"):
        choice = ui.select(others, label="Session to end").props("outlined dense").style("min-width:260px")

        async def end() -> None:
            who = view.actor(Role.VIEWER)
            if choice.value is None:
                raise AdminError("choose a session first")
            view.desk.sessions.end(who.name, str(choice.value))
            with view.desk.database.begin() as session:
                audit.record(session, who, "session.end", f"{who.name}/{choice.value}")
            ui.navigate.reload()

        act("End it", end)


def _tokens(view: View) -> None:
    everybody = view.allowed(Role.ADMIN)
    tokens = view.desk.tokens.list(None if everybody else view.viewer.principal.name)
    if not tokens:
        show_markup(shapes.panel("API tokens", shapes.empty("No tokens", "Programs authenticate with them.")))
        return
    rows = [
        (
            token.name,
            token.owner,
            token.role.value,
            tag("span", f"{token.hint}…", class_="mono"),
            view.viewer.ago(token.created),
            view.viewer.ago(token.last_used),
            view.viewer.exact(token.expires) if token.expires else "never",
        )
        for token in tokens
    ]
    heads = ("For", "Owner", "Role", "Begins with", "Made", "Last used", "Ends")
    show_markup(shapes.panel("API tokens", shapes.table(heads, rows, label="tokens")))

    ids = {token.id: f"{token.owner} / {token.name}" for token in tokens}
    with ui.element("div").classes("actions"):
        choice = ui.select(ids, label="Token to revoke").props("outlined dense").style("min-width:260px")

        async def revoke() -> None:
            who = view.actor(Role.VIEWER)
            if choice.value is None:
                raise AdminError("choose a token first")
            owner = None if view.allowed(Role.ADMIN) else who.name
            view.desk.tokens.revoke(int(choice.value), who, owner)
            ui.navigate.reload()

        act("Revoke", revoke)


def _people(view: View) -> None:
    rows = [
        (
            account.name,
            account.role.value,
            "on" if account.second_factor else "off",
            view.viewer.ago(account.created),
            view.viewer.ago(account.last_login),
            view.viewer.ago(account.password_changed),
        )
        for account in view.desk.accounts.list()
    ]
    heads = ("Name", "Role", "Second factor", "Made", "Last login", "Password changed")
    note = tag("span", "starfort user add, remove, password", class_="mono")
    show_markup(shapes.panel("Accounts", shapes.table(heads, rows, label="accounts"), note=note))
    changes = [
        (
            view.viewer.local(entry.time),
            entry.actor,
            entry.action,
            tag("span", entry.target, class_="mono"),
            entry.detail,
            entry.address,
        )
        for entry in audit.page(view.desk.database, AUDIT_ROWS)
    ]
    columns = ("Time", "Who", "What", "Of", "To", "From")
    show_markup(
        shapes.panel("Audit log", shapes.table(columns, changes, label="audit log"), note="latest first")
    )
