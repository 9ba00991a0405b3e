"""Figures as people read them: text only, without markup."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

MANY_TIMES: Final = 4.0
"""Growth above which a percentage says nothing, because there was next to nothing to compare with."""

SPARKLINE_WIDTH: Final = 120
SPARKLINE_HEIGHT: Final = 24


def number(value: float) -> str:
    """A figure with commas between thousands."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """A figure for a tile: 1.2 M, 34.5 k, 912."""
    # Thousands begin at 10,000: below it the exact figure is as short.
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if value >= size:
            return f"{value / (1e3 if unit == ' k' else size):.1f}{unit}"
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """A share between 0 and 1 as a percentage; a share that is not 0 never reads as 0."""
    if 0 < share < 0.001:  # noqa: PLR2004  (what one decimal can show)
        return "< 0.1 %"
    return f"{share * 100:.1f} %" if share else "0 %"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def words(code: str) -> str:
    """A snake_case code as words."""
    return code.replace("_", " ")


def duration(seconds: float) -> str:
    """A length of time in days, hours and minutes."""
    # Two units are enough: after three days nobody counts minutes.
    days, rest = divmod(int(seconds), 86_400)
    hours, rest = divmod(rest, 3600)
    return f"{plural(days, 'day')} {hours} h" if days else f"{hours} h {rest // 60} min"


def change(now: float, before: float) -> tuple[str, str]:
    """How a figure compares to the same figure of the time before.

    Returns:
        The change as a percentage, "" where a percentage says nothing; and what it is compared with.
    """
    if not before:
        return "", "none in the time before"
    share = (now - before) / before
    if share > MANY_TIMES:
        return "", f"{short(before)} in the time before"
    if abs(share) < 0.005:  # noqa: PLR2004  (less than what a whole percentage shows)
        return "", "as in the time before"
    return f"{'▲' if share > 0 else '▼'} {abs(share) * 100:,.0f} %", f"from {short(before)}"


def sparkline(values: Sequence[int]) -> str:
    """The points of a line without axes, as an SVG polyline has them (SVG 2, 10.7)."""
    # A line of zeros lies at the bottom; without the 1 it would be a division by zero.
    most = max(values, default=0) or 1
    step = SPARKLINE_WIDTH / max(1, len(values) - 1)
    # Two pixels above and below stay free: the stroke would be cut off at the edge.
    height = SPARKLINE_HEIGHT - 4
    return " ".join(
        f"{index * step:.1f},{SPARKLINE_HEIGHT - 2 - height * value / most:.1f}"
        for index, value in enumerate(values)
    )


def text(value: object) -> str:
    """A value of evidence as text; "" for a value that says nothing."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    # For Python true and false are numbers too.
    return number(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def columns(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """The names that rows have, each once, in the order in which they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row))
