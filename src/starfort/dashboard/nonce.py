"""A nonce on the scripts of NiceGUI's page template, so that pages need no `unsafe-inline`.

The template is NiceGUI's own. Every `<script` in its source becomes `<script nonce="…"`, before any value is
filled in. What a page shows comes in as values, so a script that an attacker got onto a page has no nonce.
"""

from collections.abc import Callable

from jinja2 import BaseLoader, Environment
from nicegui import client

_PLACE = '<script nonce="{{ request.state.nonce }}"'


class _WithNonce(BaseLoader):
    """Loads the templates of another loader and puts the nonce into them."""

    def __init__(self, inner: BaseLoader) -> None:
        self._inner = inner

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The template's source, with the nonce on each of its scripts."""
        source, name, is_current = self._inner.get_source(environment, template)
        return source.replace("<script", _PLACE), name, is_current


def install() -> None:
    """Put the nonce of each request into NiceGUI's templates. A second call in a process changes nothing."""
    environment: Environment = client.templates.env
    if not isinstance(environment.loader, _WithNonce):
        if environment.loader is None:
            raise RuntimeError("NiceGUI's templates have no loader: this version of NiceGUI is not known")
        environment.loader = _WithNonce(environment.loader)
        if environment.cache is not None:
            # A template that was compiled before has no nonce in it.
            environment.cache.clear()
