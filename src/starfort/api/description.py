"""The OpenAPI description, with the ways to authenticate, the role that each route needs, and its errors."""

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
    """The access rule that a route declares; `None` when it declares none, which a test refuses."""
    for dependency in route.dependant.dependencies:
        # The type of a parameter of the route itself, so it is among the direct dependencies.
        if isinstance(dependency.call, Requires | Open):
            return dependency.call
    return None


def describe(app: FastAPI, routers: list[APIRouter]) -> dict[str, Any]:
    """The description of the API.

    Args:
        app: the application, with the routers included.
        routers: the same routers, to look up the role that each route needs.
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
    components["securitySchemes"] = _ways_to_authenticate()
    components["responses"] = _errors()
    _put_problem_in(components.setdefault("schemas", {}))
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                for method in route.methods or ():
                    _complete(document["paths"][route.path][method.lower()], route)
    return document


def _ways_to_authenticate() -> dict[str, object]:
    return {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            # The name over HTTPS has a prefix that keeps it to this host; the description names both.
            "name": cookies.name_of(cookies.SESSION, secure=True),
            "description": f"A login's cookie; over plain HTTP `{cookies.SESSION}`.",
        },
    }


def _errors() -> dict[str, object]:
    """Every error once, so that routes refer to it instead of repeating it."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": title, "content": content} for _, (code, title) in sorted(TITLES.items())}


def _put_problem_in(schemas: dict[str, Any]) -> None:
    """Describe our errors instead of FastAPI's own, which no route answers (`problem.install`)."""
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    """Add to a route's description the role that it needs and the errors that it may answer."""
    rule = required_role(route)
    statuses = {400, 500}
    if isinstance(rule, Requires):
        operation["security"] = [{"token": []}, {"session": []}]
        operation["x-required-role"] = rule.role.value
        statuses |= {401, 403}
    else:
        operation["security"] = []
    # Whoever sends nothing can send nothing wrong.
    if operation.get("parameters") or "requestBody" in operation:
        statuses.add(422)
    # What a path names may be gone by now.
    if "{" in route.path:
        statuses.add(404)
    if "requestBody" in operation:
        statuses |= {409, 413}
    # A route names errors that cannot be told from its shape, such as 429.
    extra = (route.openapi_extra or {}).get("x-errors", [])
    operation.pop("x-errors", None)
    for status in sorted(statuses | set(extra)):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{TITLES[status][0]}"}
