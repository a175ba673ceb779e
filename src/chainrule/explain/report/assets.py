"""The style and the script of a report, as they are packaged with it."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from chainrule.explain.report.markup import Markup

__all__ = ["checksum", "script", "style"]


@cache
def style(name: str = "style.css") -> Markup:
    """A style sheet, without comments and blanks: a notebook holds it once for each output."""
    return Markup(" ".join(re.sub(r"/\*.*?\*/", "", _read(name), flags=re.DOTALL).split()))


@cache
def script() -> Markup:
    """The script."""
    return _read("script.js")


def checksum(text: str) -> str:
    """The hash by which a content security policy knows a style or a script.

    >>> checksum("")
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def _read(name: str) -> Markup:
    return Markup(files("chainrule.explain.report").joinpath(name).read_text(encoding="utf-8").strip())
