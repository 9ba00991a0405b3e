"""The few icons of the navigation, drawn for it."""

from markupsafe import Markup

from starfort.dashboard.markup import tag

_PATHS = {
    "fort": "M12 1.8 14.6 8l6.6-.9-4.1 5.2 4 5.4-6.6-1L12 22.3 9.4 16.7l-6.6 1 4.1-5.4L2.8 7.1l6.6.9Z",
    "overview": "M3 12h4l3-8 4 16 3-8h4",
    "alerts": "M12 3 2 20h20L12 3Zm0 6v5m0 3v.5",
    "catalogue": "M5 4v16M5 6h6M5 12h10M5 18h14",
    "findings": "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm5-2 6 6M10 7v4m0 2v.5",
    "events": "M4 6h16M4 12h16M4 18h9",
    "clients": "M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-8 10a8 8 0 0 1 16 0",
    "policies": "M12 3l8 3v6c0 5-3.5 8-8 9-4.500-1-8-4-8-9V6l8-3Zm-3 9 2 2 4-5",
    "signals": "M12 20v-6m-5 2a7 7 0 0 1 0-9m10 9a7 7 0 0 0 0-9M12 12a1 1 0 1 0 0-2 1 1 0 0 0 0 2Z",
    "nodes": "M4 4h16v6H4V4Zm0 10h16v6H4v-6Zm4-7h.1M8 17h.1",
    "account": "M12 2v4m0 12v4M2 12h4m12 0h4M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z",
}


def icon(name: str) -> Markup:
    """An icon that the text beside it explains."""
    return tag("svg", tag("path", d=_PATHS[name]), viewbox="0 0 24 24", aria_hidden="true")
