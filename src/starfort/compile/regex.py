"""Whether a regular expression can be used by the engine."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from cel_expr_python import cel

_UNKNOWN_TO_RUST: Final = {r"\Q": "escape the characters one by one", r"\C": "use (?-u:.)"}
"""What RE2 knows and Rust's `regex` does not. Source: RE2's wiki page "Syntax"; docs.rs/regex, "Syntax"."""


def regex_problem(pattern: str) -> str | None:
    r"""Why a pattern is wrong; `None` when it can be used.

    The engine evaluates patterns with Rust's `regex`, CEL says that they are RE2's: both know neither
    look-around nor back-references. What holds for one holds for the other, but for `\Q` and `\C`.
    """
    for escape, instead in _UNKNOWN_TO_RUST.items():
        if escape in pattern.replace(r"\\", ""):
            return f"{escape} is not supported: {instead}"
    outcome = _matcher().eval(data={"text": "", "pattern": pattern}).value()
    if isinstance(outcome, bool):
        return None
    return str(outcome).removeprefix("INVALID_ARGUMENT: ").removeprefix("invalid regular expression: ")


@cache
def _matcher() -> Any:
    text = {"text": cel.Type.STRING, "pattern": cel.Type.STRING}
    return cel.NewEnv(variables=text).compile("text.matches(pattern)")
