"""Asks the engine whether it can use a regular expression."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from starfort import _engine, bundle
from starfort.bundle import expression as e
from starfort.bundle.policy import AllowAction

_LIMITS: Final = bundle.Limits(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)


@lru_cache(maxsize=1024)
def regex_problem(pattern: str) -> str | None:
    """Why a pattern cannot be used; `None` when it can.

    The engine itself is asked, with a bundle of one policy. Its syntax is that of Rust's `regex`. Like RE2,
    which CEL requires, it has no look-around and no back-references.
    """
    # Remembered, because each reload asks about the same patterns, and the engine compiles every one.
    when = e.CallExpr(e.Function.MATCHES, (e.StringExpr(""), e.StringExpr(pattern)))
    policy = bundle.Policy("p", bundle.Phase.REQUEST, None, None, when, AllowAction(), bundle.Mode.OBSERVE)
    asked = bundle.Bundle(
        node="n", hash_key=bytes(32), fail_open=False, limits=_LIMITS, apis=(), policies=(policy,)
    )
    try:
        _engine.check_bundle(bundle.encode(asked))
    except _engine.BundleError as error:
        # The position in this bundle means nothing to the author, and only the last line of a syntax error
        # says what is wrong.
        return (
            str(error).rpartition(" of the bundle: ")[2].strip().rpartition("\n")[2].removeprefix("error: ")
        )
    return None
