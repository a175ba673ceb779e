"""HTML built from parts, in which whatever is not markup already is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["Markup", "element", "escaped", "joined", "shape"]

# What no text needs and what could disguise it: control characters, and those that reverse the direction of writing
_CONTROLS = [*range(9), 11, 12, *range(14, 32), 127, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_DISGUISES = dict.fromkeys(_CONTROLS, "\ufffd")


class Markup(str):
    """A piece of HTML that is safe as it stands."""

    __slots__ = ()


def escaped(value: object) -> Markup:
    """Anything as HTML: markup as it is, the rest as text.

    >>> escaped("<img src=x>")
    '&lt;img src=x&gt;'
    >>> escaped(Markup("<b>x</b>"))
    '<b>x</b>'
    """
    if isinstance(value, Markup):
        return value
    text = str(value).translate(_DISGUISES).encode("utf-8", "replace").decode("utf-8")  # no half characters
    return Markup(escape(text, quote=True))


def joined(parts: Iterable[object], between: str = "") -> Markup:
    """Parts one after the other."""
    return Markup(escaped(between).join([escaped(part) for part in parts]))


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element with its children; underscores in the names of attributes are dashes, those at the end fall away.

    An attribute that is None or False is left out; one that is True has no value.

    >>> element("a", "x < y", href="#step", class_="link", hidden=True, title=None)
    '<a href="#step" class="link" hidden>x &lt; y</a>'
    """
    return Markup(f"<{name}{_attributes(attributes)}>{joined(children)}</{name}>")


def shape(name: str, /, **attributes: object) -> Markup:
    """An element without children, as SVG has them; also for HTML's void elements.

    >>> shape("path", d="M0 0h1", stroke_width=2)
    '<path d="M0 0h1" stroke-width="2"/>'
    """
    return Markup(f"<{name}{_attributes(attributes)}/>")


def _attributes(attributes: dict[str, object]) -> str:
    told = ""
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        spelled = name.rstrip("_").replace("_", "-")
        told += f" {spelled}" if value is True else f' {spelled}="{escaped(value)}"'
    return told
