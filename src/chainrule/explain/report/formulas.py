"""Formulas on a page: as MathML where that is sound, and always as text."""

from __future__ import annotations

import re
from dataclasses import replace

from chainrule.explain.formula import Formula
from chainrule.explain.report.markup import Markup, element

__all__ = ["formula"]

_LONGEST = 800  # letters of LaTeX up to which a formula is typeset; beyond, nobody reads it as one picture
_FOLDED = 400  # letters from which a formula that stands alone is folded
# The translation of LaTeX does not escape all that it should, so only elements and attributes known to be harmless pass
_ELEMENTS = "math mrow mi mo mn mtext mspace mstyle msub msup msubsup mfrac msqrt mroot mover munder munderover mtable"
_ATTRIBUTES = (
    "xmlns display mathvariant stretchy fence form lspace rspace linethickness accent accentunder columnalign"
    " rowspacing columnspacing separator minsize maxsize width height depth movablelimits displaystyle scriptlevel"
)
_TAG = re.compile(
    rf"</?(?:{'|'.join([*_ELEMENTS.split(), 'mtr', 'mtd', 'mpadded'])})"
    rf'(?: (?:{"|".join(_ATTRIBUTES.split())})="[^"<>]*")*\s*/?>'
)
_HEAD = re.compile(r'<math xmlns="[^"]*" display="inline">')
_NUMBERED = re.compile("&#x([0-9A-F]+);")
_MARKUP = [ord(letter) for letter in "<>&"]
_ALONE = re.compile("<mrow>(<(m[ion])>[^<]*</\\2>)</mrow>")
# MathML in browsers knows no bold but bold letters
_BOLD = re.compile(r'(<m[nio]) mathvariant="bold">([0-9A-Za-z])<')


def formula(given: Formula, *, display: bool = False) -> Markup:
    """A formula for the eye in MathML and, for readers of other kinds, in text.

    Where styles are stripped (a notebook that is not trusted), ``hidden`` leaves only the text. One that stands alone
    (``display``) is folded if it is too long to be read in one go.

    >>> print(formula(Formula("y", "y")))
    <span class="formula"><span class="drawn" hidden aria-hidden="true"><math>...<code class="written">y</code></span>
    """
    drawn = _drawn(_with_limits(given) if display else given)
    written = element("code", given.text, class_="written")
    kind = "formula display" if display else "formula"
    if display and len(given.text) > _FOLDED:
        name = element("code", f"{given.text.partition(' = ')[0]} = …")
        return element("details", element("summary", name, " written out"), element("p", written), class_="long")
    if not drawn:
        return element("span", written, class_=kind)
    return element(
        "span", element("span", drawn, class_="drawn", hidden=True, aria_hidden="true"), written, class_=kind
    )


def _with_limits(given: Formula) -> Formula:
    """The formula with the limits of sums below and above them, where there is room."""
    return replace(given, latex=given.latex.replace(r"\sum_", r"\sum\limits_"))


def _drawn(given: Formula) -> Markup | None:
    """The formula as MathML, or None if that is not possible, not readable or not safe."""
    if not given.latex or len(given.latex) > _LONGEST:
        return None
    try:
        found = given.mathml
    except Exception:  # whatever a name did to the LaTeX: there is still the text
        return None
    rest = _TAG.sub("", found)
    if "<" in rest or ">" in rest:
        return None
    return Markup(_shorter(_BOLD.sub(lambda match: f"{match[1]}>{_bold(match[2])}<", found)))


def _shorter(found: str) -> str:
    """The same element in fewer letters: characters in place of their numbers, no row around one thing.

    >>> _shorter(
    ...     '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><mo>&#x02202;</mo></mrow></math>'
    ... )
    '<math><mo>∂</mo></math>'
    """
    found = _HEAD.sub("<math>", found)
    found = _NUMBERED.sub(_character, found)
    return _ALONE.sub(r"\1", found)


def _character(match: re.Match[str]) -> str:
    """A character in place of its number, unless it would be markup."""
    code = int(match[1], 16)
    return match[0] if code in _MARKUP else chr(code)


def _bold(letter: str) -> str:
    """A bold letter or digit.

    >>> _bold("1"), _bold("A"), _bold("z")
    ('𝟏', '𝐀', '𝐳')
    """
    if letter.isdigit():
        return chr(0x1D7CE + ord(letter) - ord("0"))
    if letter.isupper():
        return chr(0x1D400 + ord(letter) - ord("A"))
    return chr(0x1D41A + ord(letter) - ord("a"))
