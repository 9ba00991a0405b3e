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
        findings,
        sessions, users, tokens, config,
    )
]  # fmt: skip

FORMER_PATHS = {
    "/catalogue": "/endpoints",
    "/findings/apis": "/posture",
    "/findings/requests": "/findings",
}
"""Former paths, from before pages, commands and API had one name for each thing: for one version."""

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_api(desk: Desk) -> FastAPI:
    """The REST API alone, as it is mounted under `/api/v1`."""
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, max_body_size=MAX_QUESTION_BODY_BYTES)
    api.state.desk = desk
    problem.install(api)
    for router in ROUTERS:
        api.include_router(router)
    _keep_former_paths(api)
    made: dict[str, Any] = {}

    @api.get("/openapi.json", include_in_schema=False)
    def read_description() -> JSONResponse:
        # Made when first asked for: it takes 200 ms that no start should wait for.
        if not made:
            made.update(description.describe(api, ROUTERS))
        return JSONResponse(made)

    return api


def _keep_former_paths(api: FastAPI) -> None:
    """Answer under former paths too; the description has the present ones alone."""
    for router in ROUTERS:
        for route in router.routes:
            for present, former in FORMER_PATHS.items():
                if isinstance(route, APIRoute) and f"{route.path}/".startswith(f"{present}/"):
                    api.add_api_route(
                        former + route.path.removeprefix(present),
                        route.endpoint,
                        methods=sorted(route.methods or ()),
                        include_in_schema=False,
                    )


def create_app(runtime: Runtime, *, with_dashboard: bool = True) -> FastAPI:
    """The whole application for one runtime.

    Opens the state database, and makes the first administrator when there is no account: then
    `app.state.first_password` is the file with the password, for `starfort up` to name.

    Args:
        runtime: what is asked for everything.
        with_dashboard: serve the dashboard too. It can be made once a process, since NiceGUI has one
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
    if with_dashboard:
        dashboard.mount(app, desk)
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

    @app.api_route("/api/{rest:path}", methods=METHODS, include_in_schema=False)
    @app.api_route("/api", methods=METHODS, include_in_schema=False)
    def no_such_api() -> JSONResponse:
        return problem.problem(404, "the API is under /api/v1")
