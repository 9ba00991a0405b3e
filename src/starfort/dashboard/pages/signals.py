"""Signals: what detection says now, and how detectors run."""

from markupsafe import Markup

from starfort.admin import models
from starfort.dashboard import shapes
from starfort.dashboard.frame import PAGE_SIZE, View, grid, show_markup, title_bar
from starfort.dashboard.markup import tag
from starfort.dashboard.viewer import link

PATH = "/signals"


async def build(view: View) -> None:
    """Fill the page."""
    kind = view.query.get("kind", "")[:128]
    every = view.insight.signals()
    signals = [signal for signal in every if kind in ("", signal.kind)]
    title_bar(view, "Signals", ranges=False)
    kinds: dict[str, int] = {}
    for signal in every:
        kinds[signal.kind] = kinds.get(signal.kind, 0) + 1
    if every:
        choices = [
            ("", "All", len(every)),
            *((name, name.replace("_", " "), count) for name, count in kinds.items()),
        ]
        show_markup(tag("div", shapes.chips(PATH, {"kind": kind}, "kind", choices), class_="bar-row"))
    show_markup(_table(view, signals, kind))
    with grid(""):
        show_markup(_detectors(view.insight.detectors()))


def address(signal: models.Signal) -> str:
    """Of a signal's page."""
    return link(f"{PATH}/one", kind=signal.kind, key_type=signal.key_type, key=signal.key)


def _table(view: View, signals: list[models.Signal], kind: str) -> Markup:
    if not signals:
        hint = "Detectors look at the last seconds and minutes; a signal lapses when its behaviour stops."
        return shapes.panel("Active now", shapes.empty("No signal is active", hint))
    rows = [
        (
            tag(
                "div",
                tag("a", signal.title or signal.kind, href=address(signal)),
                tag("small", signal.kind.replace("_", " ")),
                class_="two-lines",
            ),
            tag("span", signal.key_type, class_="nowrap"),
            tag("span", signal.key, class_="mono"),
            shapes.bar(signal.score, f"{signal.score:.2f}", "bad" if signal.score > 0.8 else "warn"),  # noqa: PLR2004
            shapes.severity(signal.severity),
            view.viewer.ago(signal.first_at),
            tag("span", view.viewer.until(signal.expires_at), class_="nowrap"),
        )
        for signal in signals[view.offset : view.offset + PAGE_SIZE]
    ]
    heads = ("Signal", "Of a", "Key", "Score", "Severity", "Since", "Lapses in")
    pager = shapes.pager(PATH, {"kind": kind}, len(signals), PAGE_SIZE, view.offset)
    return shapes.panel("Active now", shapes.table(heads, rows, figures=(3,), label="signals"), pager)


def _beat(row: models.Detector) -> Markup:
    """Whether a detector runs, and in time."""
    if not row.enabled:
        return shapes.badge("off", "muted")
    if row.problem:
        return shapes.badge("behind", "bad")
    if row.parts > 1:
        return shapes.badge("reduced", "warn", f"queries hit a limit and are {row.parts} times smaller")
    return shapes.badge("runs", "ok")


def _detectors(detectors: list[models.Detector]) -> Markup:
    if not detectors:
        return shapes.panel("Detectors", shapes.empty("No detectors run"))
    rows = [
        (
            row.name,
            _beat(row),
            shapes.number(row.runs),
            f"{row.last_ms:,.1f} ms",
            shapes.number(row.signals),
            shapes.badge(shapes.plural(row.failures, "failure"), "bad") if row.failures else "none",
            tag("span", row.problem or row.last_error or "", class_="muted"),
        )
        for row in detectors
    ]
    heads = ("Detector", "State", "Runs", "Last took", "Signals", "Failed runs", "Problem")
    return shapes.panel("Detectors", shapes.table(heads, rows, figures=(2, 3, 4), label="detectors"))
