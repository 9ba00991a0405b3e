"""Tables, badges, pagers, tiles: what pages are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from starfort.base.actions import colour_of
from starfort.dashboard.markup import Content, join, tag
from starfort.dashboard.viewer import link

_STATUS = {2: "ok", 3: "info", 4: "warn", 5: "bad", 0: "muted"}
_SEVERITIES = {"critical": "bad", "high": "orange", "medium": "warn", "low": "info", "info": "muted"}
_RULE_SEVERITIES = {
    "emergency": "bad", "alert": "bad", "critical": "bad", "error": "orange", "warning": "warn",
    "notice": "info",
}  # fmt: skip
_BOTS = {"bad": "bad", "good": "ok", "tool": "info", "none": "muted", "mixed": "muted"}
MANY_TIMES = 4.0
"""Growth from which a percentage says nothing: there was next to nothing to compare with."""
_METHODS = {"GET": "info", "POST": "ok", "PUT": "warn", "PATCH": "warn", "DELETE": "bad"}


def badge(text: str, kind: str = "muted", title: str = "") -> Markup:
    """A small coloured label."""
    return tag("span", text, class_=f"badge {kind}", title=title or None)


def method(name: str) -> Markup:
    """An HTTP method."""
    return tag("span", name, class_=f"method {_METHODS.get(name, 'muted')}")


def status(code: int) -> Markup:
    """An HTTP status."""
    return badge(str(code) if code else "gone", _STATUS.get(code // 100, "muted"))


def action(name: str) -> Markup:
    """What was done with a request."""
    return badge(name, colour_of(name).badge)


def severity(name: str) -> Markup:
    """How urgent."""
    return badge(name, _SEVERITIES.get(name, "muted"))


def rule_severity(name: str) -> Markup:
    """How severe a rule says that it is; nothing when it does not."""
    return badge(name, _RULE_SEVERITIES.get(name, "muted")) if name else Markup("")


def bot(name: str) -> Markup:
    """A class of bot."""
    return badge({"none": "no bot"}.get(name, name), _BOTS.get(name, "muted"))


def severity_kind(name: str) -> str:
    """The colour of a severity."""
    return _SEVERITIES.get(name, "muted")


def number(value: float) -> str:
    """A figure with thousands apart."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """A figure for a tile: 1.2 M, 34.5 k, 912."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if value >= size:
            return f"{value / (1e3 if unit == ' k' else size):.1f}{unit}"
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """A share."""
    if 0 < share < 0.001:  # noqa: PLR2004  (what one decimal can show)
        return "< 0.1 %"
    return f"{share * 100:.1f} %" if share else "0 %"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def panel(title: str, *content: Content, note: Content = None, class_: str = "") -> Markup:
    """A titled box."""
    head = tag("header", tag("h2", title), tag("div", note, class_="note") if note else None)
    return tag("section", head, *content, class_=f"panel {class_}".strip())


def empty(title: str, hint: Content = "") -> Markup:
    """What a list says when it has nothing."""
    return tag("div", tag("strong", title), tag("p", hint) if hint else None, class_="empty")


def table(
    heads: Sequence[Content],
    rows: Iterable[Sequence[Content]],
    *,
    figures: Iterable[int] = (),
    label: str = "",
) -> Markup:
    """A table.

    Args:
        heads: of the columns.
        rows: cells.
        figures: columns that hold figures, aligned right.
        label: what it lists, for screen readers.
    """
    right = set(figures)

    def cells(name: str, values: Sequence[Content], **more: Content) -> Markup:
        return join(
            tag(name, value, class_="n" if place in right else None, **more)
            for place, value in enumerate(values)
        )

    body = [tag("tr", cells("td", row)) for row in rows]
    return tag(
        "div",
        tag(
            "table",
            tag("thead", tag("tr", cells("th", heads, scope="col"))),
            tag("tbody", body),
            aria_label=label or None,
        ),
        class_="scroll",
        tabindex="0" if len(body) > 12 else None,  # noqa: PLR2004  (then it scrolls)
    )


def facts(pairs: Iterable[tuple[str, Content]]) -> Markup:
    """Names and values."""
    return tag("dl", (join(tag("dt", name), tag("dd", value)) for name, value in pairs), class_="facts")


def tile(name: str, value: Content, note: Content = "", *, kind: str = "", href: str | None = None) -> Markup:
    """A figure to see from afar."""
    content = (
        tag("div", name, class_="name"),
        tag("div", value, class_="value"),
        tag("div", note, class_="more"),
    )
    if href is not None:
        return tag("a", *content, class_=f"tile {kind}".strip(), href=href)
    return tag("div", *content, class_=f"tile {kind}".strip())


def tiles(*parts: Markup) -> Markup:
    """Tiles side by side."""
    return tag("div", *parts, class_="tiles")


def change(now: float, before: float) -> Markup:
    """How a figure compares to that of the window before."""
    if not before:
        return tag("span", "none in the time before", class_="muted")
    share = (now - before) / before
    if share > MANY_TIMES:
        return tag("span", f"{short(before)} in the time before", class_="muted")
    if abs(share) < 0.005:  # noqa: PLR2004  (less than what a whole percentage shows)
        return tag("span", "as in the time before", class_="muted")
    moved = tag("span", f"{'▲' if share > 0 else '▼'} {abs(share) * 100:,.0f} %")
    return join(
        moved,
        tag("span", f" from {short(before)}", class_="muted", title="in the time before, of the same length"),
    )


def bar(share: float, text: Content, kind: str = "info") -> Markup:
    """A share as a bar behind a text."""
    width = max(0, min(100, round(share * 100)))
    return tag("span", tag("i", style=f"width:{width}%", class_=kind), tag("b", text), class_="bar")


def counted(rows: Sequence[Any], nothing: str, limit: int = 12) -> Markup:
    """Values with how often each was seen, as bars."""
    if not rows:
        return tag("p", nothing, class_="muted")
    most = max(row.count for row in rows) or 1
    shown = [
        tag(
            "li",
            tag("span", row.value, class_="mono clip", title=row.value),
            bar(row.count / most, number(row.count)),
        )
        for row in rows[:limit]
    ]
    rest = len(rows) - limit
    more = tag("li", tag("span", f"and {rest} more", class_="muted")) if rest > 0 else None
    return tag("ul", shown, more, class_="counted")


def chips(
    path: str, parameters: Mapping[str, Any], name: str, choices: Iterable[tuple[str, str, int | None]]
) -> Markup:
    """Links that set one parameter.

    Args:
        path: of the page.
        parameters: what the address has now.
        name: the parameter.
        choices: value, label and, if known, how many.
    """
    current = parameters.get(name, "")
    made = []
    for value, label, count in choices:
        chosen = value == current
        made.append(
            tag(
                "a",
                label,
                tag("b", number(count)) if count is not None else None,
                href=link(path, parameters, **{name: value, "offset": ""}),
                class_="chip on" if chosen else "chip",
                aria_current="true" if chosen else None,
            )
        )
    return tag("nav", made, class_="chips", aria_label=name)


def pager(path: str, parameters: Mapping[str, Any], total: int, limit: int, offset: int) -> Markup:
    """Where in a list one is, with links to the page before and after."""
    if total <= limit and not offset:
        return tag("p", plural(total, "entry", "entries"), class_="pager muted")
    first, last = min(offset + 1, total), min(offset + limit, total)
    back = link(path, parameters, offset=max(0, offset - limit))
    onward = link(path, parameters, offset=offset + limit)
    return tag(
        "nav",
        tag("a", "← Back", href=back, class_="button", rel="prev") if offset else None,
        tag("span", f"{number(first)} to {number(last)} of {number(total)}"),
        tag("a", "On →", href=onward, class_="button", rel="next") if last < total else None,
        class_="pager",
        aria_label="pages",
    )


def search(path: str, parameters: Mapping[str, Any], name: str, hint: str) -> Markup:
    """A search field that keeps the other parameters."""
    kept = [
        tag("input", type="hidden", name=key, value=value)
        for key, value in parameters.items()
        if key not in (name, "offset") and value not in ("", None, 0)
    ]
    field = tag(
        "input",
        type="search",
        name=name,
        value=str(parameters.get(name, "")),
        placeholder=hint,
        aria_label=hint,
        maxlength="200",
        autocomplete="off",
    )
    return tag(
        "form",
        kept,
        field,
        tag("button", "Search", type="submit"),
        action=path,
        method="get",
        class_="search",
    )


def sparkline(values: Sequence[int], label: str) -> Markup:
    """A line without axes."""
    most = max(values, default=0) or 1
    width, height = 120, 24
    step = width / max(1, len(values) - 1)
    points = " ".join(
        f"{place * step:.1f},{height - 2 - (height - 4) * value / most:.1f}"
        for place, value in enumerate(values)
    )
    line = tag("polyline", points=points)
    return tag("svg", line, class_="spark", viewbox=f"0 0 {width} {height}", role="img", aria_label=label)
