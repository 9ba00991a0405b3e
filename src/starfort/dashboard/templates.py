"""The templates, and the only way in which HTML is made.

A template is a file of macros, its *parts*. Jinja escapes every value, refuses names that a page did not
give, and compiles a template once in a process. `guard.py` holds what escaping alone does not. `Markup`
comes from here only, and templates do not know the filters of Jinja that make it from text.
"""

from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.filters import FILTERS as JINJA_FILTERS
from markupsafe import Markup

from starfort.base.actions import past_of
from starfort.base.owasp import owasp_title
from starfort.dashboard import colours, figures
from starfort.dashboard.assets import asset
from starfort.dashboard.guard import Guard, own_address, whole_number
from starfort.dashboard.viewer import link, segment

FILTERS: Final = ("capitalize", "int", "join", "length", "map", "max", "min", "round", "sum")
"""Filters of Jinja that templates may use. `safe` and those that make markup of text are not among them."""


@cache
def environment() -> Environment:
    """The environment of all templates, made when the first page asks for it."""
    made = Environment(
        loader=PackageLoader("starfort.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=[Guard],
        # Templates are part of the program: nothing looks whether their files changed, and none is dropped.
        auto_reload=False,
        cache_size=-1,
    )
    # A list of what is allowed: a filter that a later Jinja adds is not there until somebody looked at it.
    made.filters = {name: JINJA_FILTERS[name] for name in FILTERS} | {
        "columns": figures.columns,
        "number": figures.number,
        "owasp": owasp_title,
        "percent": figures.percent,
        "plural": figures.plural,
        "short": figures.short,
        "text": figures.text,
        "words": figures.words,
        "segment": segment,
    }
    # Without Jinja's own globals (`range`, `lipsum`, `cycler`), which no template needs.
    made.globals = {
        "asset": asset,
        "colour_of": colours.colour_of,
        "link": link,
        "own_address": own_address,
        "past_of": past_of,
        "whole_number": whole_number,
    }
    return made


class Template:
    """One template.

    Args:
        name: its file in the folder `templates`.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, part: str, /, **values: object) -> Markup:
        """One of its parts.

        Args:
            part: name of the macro.
            values: its arguments.

        Raises:
            TypeError: the part has no argument of that name.
            jinja2.UndefinedError: the part needs an argument that is missing.
        """
        # The module runs once for each template; after that a part costs a call.
        made = getattr(environment().get_template(self._name).module, part)(**values)
        if not isinstance(made, Markup):
            raise TypeError(f"{self._name}: {part} is no macro")
        return made
