"""A nonce on the scripts of NiceGUI's page template, so that pages need no `unsafe-inline`.

The template is NiceGUI's own; only `<script` becomes `<script nonce="…"` in its source, before any value is
filled in. What a page shows comes in as values, so it never gets the nonce.
"""

from collections.abc import Callable

from jinja2 import BaseLoader, Environment
from nicegui import client

_PLACE = '<script nonce="{{ request.state.nonce }}"'


class _WithNonce(BaseLoader):
    """Gives another loader's templates with the nonce in them."""

    def __init__(self, inner: BaseLoader) -> None:
        self._inner = inner

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The template's source, each script of its own with the nonce."""
        source, name, is_current = self._inner.get_source(environment, template)
        return source.replace("<script", _PLACE), name, is_current


def install() -> None:
    """Make NiceGUI's templates carry the nonce of the request; once a process."""
    environment: Environment = client.templates.env
    if not isinstance(environment.loader, _WithNonce):
        if environment.loader is None:
            raise RuntimeError("NiceGUI's templates have no loader: this version of NiceGUI is not known")
        environment.loader = _WithNonce(environment.loader)
        if environment.cache is not None:
            environment.cache.clear()
