"""Regular expressions of removals, updates and macros. Python evaluates them; all others are the engine's."""

from __future__ import annotations

import re
import warnings


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as PCRE reads it, as far as Python can.

    Raises:
        re.error: it is no regular expression.
    """
    with warnings.catch_warnings():
        # Python warns that `[[` may mean a nested set in the future. In PCRE it is a bracket in a set, and so
        # it is here.
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(pattern)
