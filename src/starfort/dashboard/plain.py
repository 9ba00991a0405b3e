"""Pages of plain HTML, which work before any script does: the login and the second factor."""

from collections.abc import Mapping
from typing import Final

from fastapi.responses import HTMLResponse
from markupsafe import Markup

from starfort.admin.errors import AdminError, TooManyError
from starfort.dashboard.templates import Template

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)

part = Template("plain.html")


def page(
    title: str,
    lead: str,
    content: Markup,
    error: AdminError | None = None,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page.

    Args:
        title: title of the browser's window.
        lead: what the page is for.
        content: forms and text, from a template.
        error: what went wrong; its status becomes the page's.
        headers: further headers.
    """
    said = "" if error is None else error.detail
    document = part("page", title=title, lead=lead, content=content, error=said)
    # These pages hold tickets and secrets, so no cache keeps them.
    more = {"content-security-policy": POLICY, "cache-control": "no-store", **(headers or {})}
    if isinstance(error, TooManyError):
        more["retry-after"] = str(error.retry_after_s)
    return HTMLResponse(str(document), 200 if error is None else error.status, more)
