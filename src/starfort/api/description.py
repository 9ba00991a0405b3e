"""The OpenAPI description: with how to authenticate, which role each route needs, and its errors."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, APIRouter

import starfort
from starfort.admin import cookies
from starfort.api.access import CSRF_HEADER, Open, Requires
from starfort.api.problem import MEDIA_TYPE, TITLES, Problem

SUMMARY = "Everything that the dashboard shows, and every change that it makes."
DESCRIPTION = f"""
Authenticate with an API token (`Authorization: Bearer sft_…`, made by `starfort token create`) or with the
session cookie of a login. Writes with a cookie need the session's CSRF token in `{CSRF_HEADER}`.

Errors are `application/problem+json` (RFC 9457). Lists have a `limit` and say where they go on.
"""


def required_role(route: APIRoute) -> Requires | Open | None:
    """The access rule that a route declares; `None` when it forgot to."""
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, Requires | Open):
            return dependency.call
    return None


def describe(app: FastAPI, routers: list[APIRouter]) -> dict[str, Any]:
    """The description of the API.

    Args:
        app: with the routers included.
        routers: the same, to look up each route's role.
    """
    document = get_openapi(
        title="Starfort",
        version=starfort.__version__,
        summary=SUMMARY,
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/api/v1"}],
        tags=app.openapi_tags,
    )
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookies.name_of(cookies.SESSION, secure=True),
            "description": f"A login's cookie; over plain HTTP `{cookies.SESSION}`.",
        },
    }
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    components["responses"] = {
        code: {
            "description": title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for _, (code, title) in sorted(TITLES.items())
    }
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                for method in route.methods or ():
                    _complete(document["paths"][route.path][method.lower()], route)
    return document


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    rule = required_role(route)
    statuses = {400, 500}
    if isinstance(rule, Requires):
        operation["security"] = [{"token": []}, {"session": []}]
        operation["x-required-role"] = rule.role.value
        statuses |= {401, 403}
    else:
        operation["security"] = []
    if operation.get("parameters") or "requestBody" in operation:
        statuses.add(422)
    if "{" in route.path:
        statuses.add(404)
    if "requestBody" in operation:
        statuses |= {409, 413}
    extra = (route.openapi_extra or {}).get("x-errors", [])
    operation.pop("x-errors", None)
    for status in sorted(statuses | set(extra)):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{TITLES[status][0]}"}
