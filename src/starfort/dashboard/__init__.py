"""The dashboard: pages for people, with the logins of the API."""

from fastapi import FastAPI
from nicegui import ui

from starfort.admin.desk import Desk
from starfort.dashboard import login, nonce, second_factor
from starfort.dashboard.assets import ASSETS, FOLDER, Assets
from starfort.dashboard.frame import serve
from starfort.dashboard.gate import Gate
from starfort.dashboard.page import pages


def mount(app: FastAPI, desk: Desk) -> None:
    """Serve the dashboard at `/`. Call it once in a process, because NiceGUI has one application a process.

    Args:
        app: the application that has the API already; the dashboard answers what the API does not.
        desk: the logins and the answers.
    """
    app.mount(ASSETS, Assets(directory=FOLDER))
    app.include_router(login.router(desk))
    app.include_router(second_factor.router(desk))
    nonce.install()
    for page in pages():
        serve(page, desk)
    app.add_middleware(Gate, desk=desk)
    # Our own style sheet suffices: Tailwind would load its compiler, 260 kB of script, into every page.
    ui.run_with(
        app,
        title="Starfort",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        favicon=FOLDER / "icon.svg",
    )
