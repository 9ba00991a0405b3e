"""What is wrong with who may call what."""

from __future__ import annotations

from typing import Final

from starfort.catalogue.finding import Check, Scope
from starfort.store.parameters import Value


def _any_jwt(scope: Scope) -> dict[str, Value]:
    return {"apis": scope.any_jwt_apis, "providers": scope.jwt_providers}


def _masked(scope: Scope) -> dict[str, Value]:
    return {"masked": scope.masked}


def _verified(scope: Scope) -> dict[str, Value]:
    return {"apis": scope.verified_apis}


CHECKS: Final = (
    Check(
        "access",
        "open_endpoint",
        "{subject} answers without credentials; {guarded_endpoints} other endpoints of {api} ask for them",
        "An endpoint that was forgotten when its neighbours were protected (OWASP API2:2023, API5:2023). "
        "Require credentials, or mute this where everybody may call.",
    ),
    Check(
        "access",
        "open_sensitive_data",
        "{subject} sends {classes} to callers without credentials",
        "Personal data for anybody who asks. Require credentials, or mask the classes with a policy.",
        _masked,
    ),
    Check(
        "access",
        "credential_in_query",
        "{subject} takes credentials in the address: {names}",
        "Addresses stay in logs, histories and Referer headers. Take credentials in a header or the body.",
    ),
    Check(
        "access",
        "credential_over_http",
        "{subject} is called with {kinds} credentials over plain HTTP",
        "Everybody on the way reads them. Offer the API over TLS only.",
    ),
    Check(
        "access",
        "any_jwt_accepted",
        "{api} takes tokens of every JWT provider ({issuers} configured)",
        "A token made for another API opens this one. Name its providers under `authentication`.",
        _any_jwt,
    ),
    Check(
        "access",
        "unverified_identity",
        "{subject} answered {answers} calls whose caller nobody verified",
        "The API names who verifies its callers, and it answers without. Block with a policy where "
        "`!identity.verified`.",
        _verified,
    ),
)
"""Checks of this bastion."""
