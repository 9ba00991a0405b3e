"""Pages of plain HTML, which work before any script does: the login and the second factor."""

from fastapi.responses import HTMLResponse
from markupsafe import Markup

from starfort.dashboard.assets import ASSETS, asset
from starfort.dashboard.icons import icon
from starfort.dashboard.markup import Content, join, tag

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


def field(name: str, label: str, kind: str, autocomplete: str, **attributes: Content) -> Markup:
    """A labelled field of a form."""
    return join(
        tag("label", label, for_=name),
        tag(
            "input", type=kind, id=name, name=name, autocomplete=autocomplete, required=True,
            **{"maxlength": "256", "autocapitalize": "none", "spellcheck": "false", **attributes},
        ),
    )  # fmt: skip


def code_field(label: str = "Code of your app, or a recovery code", *, focus: bool = True) -> Markup:
    """The field for a code of the second factor."""
    return field("code", label, "text", "one-time-code", maxlength="32", autofocus=focus)


def form(action: str, button: str, *content: Content, hidden: dict[str, str] | None = None) -> Markup:
    """A form with its button."""
    kept = [tag("input", type="hidden", name=name, value=value) for name, value in (hidden or {}).items()]
    return tag("form", kept, *content, tag("button", button, type="submit"), method="post", action=action)


def page(
    title: str, lead: Content, *content: Content, error: str = "", status: int = 200,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:  # fmt: skip
    """A page.

    Args:
        title: of the browser's window.
        lead: what the page is for.
        content: forms and text.
        error: what went wrong.
        status: HTTP status.
        headers: further headers.
    """
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · Starfort"),
        tag("link", rel="icon", href=f"{ASSETS}/icon.svg"),
        tag("link", rel="stylesheet", href=asset("starfort.css")),
        tag("script", src=asset("viewer.js"), defer=True),
    )
    box = tag(
        "div",
        tag("div", icon("fort"), "Starfort", class_="brand"),
        tag("p", lead, class_="muted"),
        tag("p", error, class_="error", role="alert") if error else None,
        *content,
        class_="login-box",
    )
    body = tag("body", tag("main", box, class_="login"), class_="login-body")
    document = Markup("<!doctype html>") + tag("html", tag("head", head), body, lang="en")
    more = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return HTMLResponse(str(document), status, more | (headers or {}))
