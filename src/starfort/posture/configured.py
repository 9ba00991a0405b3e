"""The parts of the configuration that checks compare traffic with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starfort.base.severity import SEVERE_DATA_CLASSES
from starfort.catalogue.model import ApiFacts

if TYPE_CHECKING:  # checking a configuration needs questions, and no store
    from starfort.store.parameters import Value

GIVEN: Final = frozenset(
    {
        "verified_apis",
        "any_jwt_apis",
        "jwt_providers",
        "limited_apis",
        "masked",
        "severe_classes",
        "stride",
        "limit",
    }
)
"""Parameters that every check may use besides its window and its thresholds; `docs/checks.md` describes
them."""


@dataclass(frozen=True, slots=True)
class Configured:
    """The parts of the configuration that checks ask for.

    Attributes:
        apis: every API.
        verified_apis: the APIs whose `authentication` names JWT providers.
        any_jwt_apis: the APIs that accept the tokens of every provider; empty without providers.
        jwt_providers: the number of providers.
        limited_apis: the APIs of which an enforced policy limits how often they may be called.
        masked: the classes that enforced policies mask, as `mask:POLICY CLASS`: the tag of an event, and a
            class.
    """

    apis: tuple[ApiFacts, ...] = ()
    verified_apis: tuple[str, ...] = ()
    any_jwt_apis: tuple[str, ...] = ()
    jwt_providers: int = 0
    masked: tuple[str, ...] = ()
    limited_apis: tuple[str, ...] = ()

    def parameters(self, *, stride: int, limit: int) -> dict[str, Value]:
        """The values of `GIVEN`.

        Args:
            stride: minutes of which one is read where a check compares with the past (1: all of them).
            limit: rows that count.
        """
        return {
            "verified_apis": self.verified_apis,
            "any_jwt_apis": self.any_jwt_apis,
            "jwt_providers": self.jwt_providers,
            "limited_apis": self.limited_apis,
            "masked": self.masked,
            # These classes are not configured. They are given in the same way, so that no check has its own
            # list.
            "severe_classes": SEVERE_DATA_CLASSES,
            "stride": stride,
            "limit": limit,
        }
