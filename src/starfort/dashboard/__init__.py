"""The dashboard: pages for people, with the logins of the API."""

from fastapi import FastAPI
from nicegui import ui
from starlette.staticfiles import StaticFiles

from starfort.admin.desk import Desk
from starfort.dashboard import login, nonce, second_factor
from starfort.dashboard.assets import ASSETS, FOLDER
from starfort.dashboard.frame import page
from starfort.dashboard.gate import Gate
from starfort.dashboard.pages import PAGES


def mount(app: FastAPI, desk: Desk) -> None:
    """Serve the dashboard at `/`. Once a process: NiceGUI has one application a process.

    Args:
        app: the application that has the API already; what it does not answer is the dashboard's.
        desk: logins and answers.
    """
    app.mount(ASSETS, StaticFiles(directory=FOLDER))
    app.include_router(login.router(desk))
    app.include_router(second_factor.router(desk))
    nonce.install()
    for path, title, build, range_ in PAGES:
        page(path, title, desk, build, range_)
    app.add_middleware(Gate, desk=desk)
    ui.run_with(
        app,
        title="Starfort",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        favicon=FOLDER / "icon.svg",
    )
