"""Versions: what differs between two versions of an API."""

import asyncio
from typing import Final

from starfort.dashboard.frame import grid, show, title_bar
from starfort.dashboard.page import Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import View

PATH: Final = "/versions"
MAX_NAME: Final = 256
"""Characters of a name that the address may ask for: the most that the REST API takes."""

part = Template("versions.html")


async def build(view: View) -> None:
    """Fill the page."""
    chosen = {name: text[:MAX_NAME] for name, text in view.chosen("api", "version", "before").items()}
    api, known = chosen.get("api", ""), view.insight.apis_known
    if not api:
        names = sorted(row.api for row in known.usage())
        title_bar(view, "Versions", ranges=False)
        show(part("apis", names=names))
        return
    versions = known.versions(api)
    # An address may name a version that is gone. The newest is shown then, as without any name.
    version = chosen["version"] if chosen.get("version") in versions else (versions or [""])[-1]
    before = chosen["before"] if chosen.get("before") in versions else ""
    found = await asyncio.to_thread(known.compare, api, version, before) if len(versions) > 1 else None
    title_bar(view, "Versions", crumbs=part("crumbs", api=api), ranges=False)
    if found is None:
        show(part("single", versions=versions))
        return
    choices = [(name, name, None) for name in versions]
    shown = before or found.compared_with
    show(part("choices", path=PATH, chosen=api, versions=choices, version=version, before=shown))
    show(part("tiles", found=found))
    with grid(""):
        show(part("differences", found=found))


PAGE = Page(PATH, "Versions", build)
