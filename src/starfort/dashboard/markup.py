"""The only place that makes HTML: values are escaped by construction, for attackers choose paths.

`tag("td", value, class_="n")` escapes every value that is not `Markup` already, and `Markup` comes from
here only.
"""

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

Content = object
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


def tag(name: str, /, *content: Content, **attributes: Content) -> Markup:
    """An element.

    Args:
        name: element name.
        content: text (escaped), `Markup` (kept), iterables of both; `None` and "" are left out.
        attributes: `class_` is `class`, other underscores are hyphens; `None` and `False` are left out.

    Raises:
        ValueError: a name that is no plain name, or a link that is not within this site.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no element name")
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        if not _NAME.fullmatch(attribute) or attribute.startswith("on"):
            raise ValueError(f"{attribute!r} is no attribute of ours")
        if attribute in ("href", "src", "action") and not re.match(r"[/?#](?![/\\])|^[?#]", str(value)):
            raise ValueError(f"{attribute} must stay within this site")
        parts.append(f' {attribute}="{escape(str(value)) if value is not True else ""}"')
    parts.append(">")
    if name not in _VOID:
        parts.append(str(join(*content)))
        parts.append(f"</{name}>")
    return Markup("".join(parts))  # noqa: S704  (every value above was escaped)


def join(*content: Content) -> Markup:
    """Content one after the other, escaped."""
    return Markup("").join(_flat(content))


def _flat(content: Iterable[Content]) -> Iterable[str]:
    for part in content:
        if part is None:
            continue
        if isinstance(part, Iterable) and not isinstance(part, str):
            yield from _flat(part)
        else:
            yield part if isinstance(part, str) else str(part)
