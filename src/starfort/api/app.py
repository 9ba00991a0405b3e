"""The application: REST API under `/api/v1`, dashboard at `/`, metrics and health."""

from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute

from starfort import dashboard
from starfort.admin.desk import Desk
from starfort.api import (
    alerts,
    checks,
    clients,
    config,
    description,
    detectors,
    endpoints,
    events,
    findings,
    imports,
    policies,
    problem,
    sessions,
    signals,
    status,
    tokens,
    traffic,
    users,
)
from starfort.api.headers import MAX_QUESTION_BODY_BYTES, SecurityHeaders
from starfort.api.hosts import Hosts
from starfort.runtime import Runtime

ROUTERS = [
    module.router
    for module in (
        status, traffic, endpoints, events, clients, policies, signals, detectors, checks, alerts,
        findings, imports,
        sessions, users, tokens, config,
    )
]  # fmt: skip

FORMER_PATHS = {
    "/catalogue": "/endpoints",
    "/findings/apis": "/posture",
    "/findings/requests": "/findings",
}
"""Former paths of today's paths. They work for one version."""

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_api(desk: Desk) -> FastAPI:
    """The REST API alone; `create_app` mounts it under `/api/v1`."""
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, max_body_size=MAX_QUESTION_BODY_BYTES)
    api.state.desk = desk
    problem.install(api)
    for router in ROUTERS:
        api.include_router(router)
    _keep_former_paths(api)
    made: dict[str, Any] = {}

    @api.get("/openapi.json", include_in_schema=False)
    def read_description() -> JSONResponse:
        # The description is made when somebody first asks for it: it takes 200 ms, and no start waits for it.
        if not made:
            made.update(description.describe(api, ROUTERS))
        return JSONResponse(made)

    return api


def _keep_former_paths(api: FastAPI) -> None:
    """Answer under former paths too. The description names only the paths of today."""
    for router in ROUTERS:
        for route in router.routes:
            for present, former in FORMER_PATHS.items():
                # With the slash, so that "/catalogue" does not stand for "/catalogue-of-something" too.
                if isinstance(route, APIRoute) and f"{route.path}/".startswith(f"{present}/"):
                    api.add_api_route(
                        former + route.path.removeprefix(present),
                        route.endpoint,
                        methods=sorted(route.methods or ()),
                        include_in_schema=False,
                    )


def create_app(runtime: Runtime, *, with_dashboard: bool = True) -> FastAPI:
    """The whole application for one runtime.

    It opens the state database. When there is no account it makes the first administrator:
    `app.state.first_password` is then the file with the password, and `starfort up` names it.

    Args:
        runtime: what is asked for everything.
        with_dashboard: serve the dashboard too. A process can do this once, because NiceGUI has one
            application a process.

    Raises:
        AdminError: the state belongs to a newer Starfort.
        OSError: the data directory cannot be written.
    """
    desk = Desk.open(runtime)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.desk = desk
    app.state.first_password = desk.first_password
    problem.install(app)
    app.mount("/api/v1", create_api(desk))
    _add_plain_routes(app, desk)
    # The dashboard answers every path that nothing before it answers, so it comes last.
    if with_dashboard:
        dashboard.mount(app, desk)
    # The middleware that is added last runs first: nothing is answered without these headers.
    app.add_middleware(SecurityHeaders, hosts=Hosts.of(desk))
    return app


def _add_plain_routes(app: FastAPI, desk: Desk) -> None:
    @app.get("/healthz", include_in_schema=False)
    def read_health() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/metrics", include_in_schema=False)
    def read_metrics() -> PlainTextResponse:
        if not desk.insight.settings.admin.metrics:
            return PlainTextResponse("metrics are switched off: admin.metrics\n", 404)
        return PlainTextResponse(desk.insight.metrics(), media_type="text/plain; version=0.0.4")

    # Without this route the dashboard would answer a mistyped path with its login page, as HTML and 303.
    @app.api_route("/api/{rest:path}", methods=METHODS, include_in_schema=False)
    @app.api_route("/api", methods=METHODS, include_in_schema=False)
    def no_such_api() -> JSONResponse:
        return problem.problem(404, "the API is under /api/v1")
