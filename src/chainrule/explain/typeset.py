"""How pieces of formulas are put together: products, sums, transposes; in text, LaTeX and NumPy at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from chainrule.explain.form import Axes, Label
from chainrule.explain.piece import Binding, Piece, in_python, numeric, on_paper, squeezed
from chainrule.explain.series import Summand, folded

__all__ = [
    "beside",
    "closed",
    "divide",
    "hadamard",
    "matmul",
    "outer",
    "power",
    "scaled",
    "squared_length",
    "sum_over",
    "summed",
    "transposed",
    "turned",
]


def transposed(piece: Piece) -> Piece:
    """The transpose of a matrix; a vector stays as it is in Python, and becomes a row on paper."""
    if piece.is_symmetric:
        return replace(piece, axes=piece.axes[::-1])
    if piece.column is not None:  # a row already
        return replace(piece, column=None)
    text, latex = on_paper(piece, Binding.ATOM)
    solver = None if piece.solver is None else (piece.solver[0], turned_in_python(piece.solver[1]))
    if piece.text.endswith("ᵀ") and piece.binding == Binding.POWER:
        undone = replace(piece, text=piece.text[:-1], latex=piece.latex.removesuffix(r"^{\top}"))
        if piece.text.endswith("⁻ᵀ"):
            latex = piece.latex.removesuffix(r"^{-\top}") + "^{-1}"
            undone = replace(piece, text=piece.text.removesuffix("ᵀ") + "¹", latex=latex)
        if len(piece.axes) == 2 and piece.python.endswith(".T"):
            python = piece.python[:-2]
            return replace(undone, python=python, axes=piece.axes[::-1], binding=Binding.ATOM, solver=solver)
    if piece.text.endswith("⁻¹"):
        told = piece.text.removesuffix("⁻¹") + "⁻ᵀ", piece.latex.removesuffix("^{-1}") + r"^{-\top}"
    else:
        told = f"{text}ᵀ", (f"{{{latex}}}" if "^" in latex else latex) + r"^{\top}"
    axes = piece.axes[::-1] if len(piece.axes) == 2 else piece.axes
    python = f"{in_python(piece, Binding.ATOM)}.T" if len(piece.axes) == 2 else piece.python
    precedence = Binding.ATOM if len(piece.axes) == 2 else piece.precedence
    return Piece(*told, python, axes, Binding.POWER, precedence, is_truth=piece.is_truth, solver=solver)


def turned_in_python(source: str) -> str:
    """The transpose of a matrix in Python."""
    return source.removesuffix(".T") if source.endswith(".T") else f"{source}.T"


def matmul(left: Piece, right: Piece, label: Label) -> Piece:
    """The product of two matrices or vectors, summed over a label that both have."""
    left, right = numeric(squeezed(left)), numeric(squeezed(right))
    if left.rank == 1 and right.rank == 2:
        left, right = right, left  # A x rather than xᵀ Aᵀ
        if left.axes[0] is label:
            turned = transposed(left)
            return beside(turned, upright(right), (turned, right) if turned.solver else (right, left), left.axes[1:])
    if left.rank == 2 and left.axes[1] is not label:
        left = transposed(left)
    if right.rank == 2 and right.axes[0] is not label:
        right = transposed(right)
    axes = tuple(l for l in (*left.axes, *right.axes) if l is not label)
    return beside(transposed(left) if left.rank == 1 else left, upright(right), (left, right), axes)


def beside(left: Piece, right: Piece, factors: tuple[Piece, Piece], axes: Axes) -> Piece:
    """Two factors of a matrix product beside each other on paper, and ``factors`` with @ between them in Python."""
    (a, a_latex), (b, b_latex) = on_paper(left, Binding.CHAIN), on_paper(right, Binding.CHAIN)
    first, second = factors
    python = f"{in_python(first, Binding.CHAIN)} @ {in_python(second, Binding.SIGN)}"
    call = _running_sums(first, second)
    if first.solver is not None:
        call = first.solver[0].format(first.solver[1], second.python)
    precedence = Binding.CHAIN if call is None else Binding.ATOM
    return Piece(f"{a} {b}", f"{a_latex} {b_latex}", call or python, axes, Binding.CHAIN, precedence)


def upright(vector: Piece) -> Piece:
    """A vector as a column on paper: Aᵀ 1 for 1ᵀ A."""
    if vector.column is None:
        return vector
    text, latex = vector.column
    return replace(vector, text=text, latex=latex, column=None)


_TRIANGLE = re.compile(r"np\.tri\(\d+\)(\.T)?")


def _running_sums(left: Piece, right: Piece) -> str | None:
    """The product with a triangle of ones as running sums, downwards, or upwards if it is transposed."""
    for piece, other, is_left in ((left, right, True), (right, left, False)):
        found = _TRIANGLE.fullmatch(piece.python)
        if found is None or other.rank > 2:
            continue
        axis = 1 if other.rank == 2 and not is_left else 0
        along = f", axis={axis}" if other.rank == 2 else ""
        if is_left != bool(found[1]):
            return f"np.cumsum({other.python}{along})"
        turn = "[:, ::-1]" if axis else "[::-1]"
        return f"np.cumsum({in_python(other, Binding.ATOM)}{turn}{along}){turn}"
    return None


def sum_over(piece: Piece, label: Label, *, keep: bool = False, mean: bool = False) -> Piece:
    """The sum over one axis: 1ᵀ A, or A 1; with ``keep`` Python keeps the axis, with ``mean`` it takes the mean."""
    piece = squeezed(piece)
    axis = piece.axes.index(label)
    if piece.rank == 1 and not keep:
        return summed(piece)
    text, latex = on_paper(piece, Binding.CHAIN)
    column = None
    if axis == 0:
        other = transposed(piece)
        column = f"{other.text} 1", rf"{other.latex} \mathbf{{1}}"
        text, latex = f"1ᵀ{spaced(text)}", rf"\mathbf{{1}}^{{\top}} {latex}"
    else:
        text, latex = f"{text} 1", rf"{latex} \mathbf{{1}}"
    inner = in_python(piece, Binding.ATOM)
    axes: Axes = piece.axes[:axis] + ((None,) if keep else ()) + piece.axes[axis + 1 :]
    call = f"{inner}.{'mean' if mean else 'sum'}"
    python = f"{call}(axis={axis}{', keepdims=True' if keep else ''})"
    return Piece(text, latex, python, axes, Binding.CHAIN, Binding.ATOM, (call, axis), column=column)


def summed(piece: Piece) -> Piece:
    """The sum over everything."""
    text, latex = on_paper(piece, Binding.POWER)
    python = f"{in_python(piece, Binding.ATOM)}.sum()"
    return Piece(f"Σ{spaced(text)}", rf"\sum {latex}", python, (), Binding.CHAIN)


def spaced(text: str) -> str:
    """With a blank before it, unless it begins with a parenthesis."""
    return text if text.startswith("(") else f" {text}"


def squared_length(piece: Piece) -> Piece:
    """The sum of the squares of a vector's entries."""
    python = f"np.sum({in_python(piece, Binding.ATOM)} ** 2)"
    return Piece(f"‖{piece.text}‖²", rf"\left\|{piece.latex}\right\|^{{2}}", python, (), Binding.POWER)


def stretched(piece: Piece, axes: Axes) -> str:
    """The Python source of a piece as it broadcasts against an array of ``axes``, and in their order."""
    wanted = [label for label in axes if label in piece.labels]
    piece = turned(piece, axes)
    if piece.rank > 2 and list(piece.labels) != wanted:
        piece = squeezed(piece)
        order = ", ".join([str(piece.labels.index(label)) for label in wanted])
        python = f"np.transpose({piece.python}, ({order}))"
        piece = replace(piece, python=python, axes=tuple(wanted), precedence=Binding.ATOM, reduced=None)
    source = list(piece.axes)
    positions = [list(axes).index(l) if l is not None else -1 for l in source]
    trailing = len(axes) - len(source)
    if all(p in (-1, trailing + k) for k, p in enumerate(positions)):
        return piece.python
    if piece.reduced is not None and piece.rank == 1 and len(axes) == 2 and None not in piece.axes:
        inner, axis = piece.reduced
        if (axis == 1) == (axes[0] is piece.labels[0]):
            return f"{inner}(axis={axis}, keepdims=True)"
    piece = squeezed(piece)
    if list(piece.labels) == list(axes):
        return piece.python
    first = min([list(axes).index(l) for l in piece.labels], default=len(axes))
    index = ", ".join([":" if label in piece.labels else "None" for label in axes[first:]])
    return f"{in_python(piece, Binding.ATOM)}[{index}]"


def layout_of(pieces: Sequence[Piece], order: Sequence[Label]) -> Axes:
    """The axes that NumPy gives an elementwise function of these pieces; of size 1 only where some piece has such."""
    shapes = list(dict.fromkeys([piece.axes for piece in pieces if piece.axes]))
    if len(shapes) == 1:
        return shapes[0]
    present = {label for piece in pieces for label in piece.labels}
    for axes in shapes:
        if None in axes and set(axes) - {None} == present:
            return axes
    return tuple(label for label in order if label in present)


def placed(piece: Piece, axes: Axes) -> Piece:
    """The piece so that its Python broadcasts against an array of these axes."""
    if piece.axes == axes or not piece.axes:
        return piece
    piece = turned(piece, axes)
    source = stretched(piece, axes)
    piece = _standing(piece, axes)
    return piece if source == piece.python else replace(piece, python=source, precedence=Binding.ATOM, reduced=None)


def _standing(piece: Piece, axes: Axes) -> Piece:
    """A sum over the columns of a matrix, X 1, on paper as a row where it is stretched along the columns."""
    if piece.reduced is None or piece.reduced[1] != 1 or piece.axes != axes[1:] or len(axes) != 2:
        return piece
    text, latex = on_paper(piece, Binding.ATOM)
    return replace(piece, text=f"{text}ᵀ", latex=f"{latex}^{{\\top}}", binding=Binding.POWER)


def index_of(pieces: Sequence[Piece], axes: Axes) -> tuple[str, ...]:
    """The mark of a piece that has to say its indices, if it is made of such, or of arrays stretched along ``axes``
    that nobody could tell to be: x[:, None] − x.
    """
    if any([piece.index for piece in pieces]):
        return ("",)
    labels = tuple([label for label in axes if label is not None])
    is_whole = any([piece.rank == len(labels) for piece in pieces])
    if len(labels) < 2 or (len(labels) == 2 and is_whole):
        return ()

    def is_clear(piece: Piece) -> bool:
        is_column = is_whole and piece.labels == labels[:-1] and not piece.python.isidentifier()
        return is_column or stretched(piece, axes) == piece.python

    return () if all([is_clear(turned(piece, axes)) for piece in pieces if piece.rank]) else ("",)


def hadamard(left: Piece, right: Piece) -> Piece:
    """The elementwise product; a vector is stretched along the rows or columns of a matrix."""
    if right.rank > left.rank:
        left, right = right, left
    if not right.rank:
        return scaled(left, right)
    axes = layout_of([left, right], [*left.labels, *[l for l in right.labels if l not in left.labels]])
    index = index_of([left, right], axes)
    left, right = placed(left, axes), placed(right, axes)
    first, second = (right, left) if left.is_truth and not right.is_truth else (left, right)  # −True is none
    python = f"{in_python(first, Binding.CHAIN)} * {in_python(second, Binding.SIGN)}"
    (text, latex), (other, other_latex) = [on_paper(_in_hadamard(p), Binding.POWER) for p in (left, right)]
    paper = f"{text} ⊙ {other}", rf"{latex} \odot {other_latex}"
    truth = left.is_truth and right.is_truth
    return Piece(*paper, python, axes, Binding.HADAMARD, Binding.CHAIN, is_truth=truth, index=index)


def _in_hadamard(piece: Piece) -> Piece:
    """Products of products, and derivatives, need no parentheses."""
    return replace(piece, binding=Binding.POWER) if piece.binding in (Binding.HADAMARD, Binding.SIGN) else piece


def turned(piece: Piece, axes: Axes) -> Piece:
    """A matrix as it stands beside an array of these axes: transposed if they are in the other order."""
    wanted = [label for label in axes if label in piece.labels]
    if len(piece.axes) == 2 and piece.rank == 2 and list(piece.labels) == wanted[::-1]:
        return transposed(piece)
    swapped = [*piece.labels[:-2], *piece.labels[:-3:-1]]
    if piece.rank > 2 and None not in piece.axes and wanted == swapped != list(piece.labels):
        return last_swapped(piece)
    return piece


def last_swapped(piece: Piece) -> Piece:
    """The matrices transposed, for each index of the leading axes."""
    text, latex = on_paper(piece, Binding.ATOM)
    axes = (*piece.axes[:-2], piece.axes[-1], piece.axes[-2])
    python = f"{in_python(piece, Binding.ATOM)}.mT"
    return Piece(f"{text}ᵀ", f"{latex}^{{\\top}}", python, axes, Binding.POWER, Binding.ATOM)


def scaled(piece: Piece, number: Piece) -> Piece:
    """A number times an array."""
    number = numeric(number)
    (a, a_latex), (b, b_latex) = on_paper(number, Binding.CHAIN), on_paper(piece, Binding.HADAMARD)
    scalar = squeezed(number) if number.axes and not number.rank and len(number.axes) > len(piece.axes) else number
    python = f"{in_python(scalar, Binding.CHAIN)} * {in_python(piece, Binding.SIGN)}"
    binding = min(Binding.CHAIN, max(piece.binding, Binding.HADAMARD))
    index = index_of([piece, number], ())
    return Piece(f"{a} {b}", f"{a_latex} {b_latex}", python, piece.axes, binding, Binding.CHAIN, index=index)


def closed(number: Piece) -> Piece:
    """An inner product and the like as it stands beside other factors: (aᵀ b) c, and not aᵀ b c."""
    if number.rank or number.binding != Binding.CHAIN or number.text.startswith("Σ("):
        return number
    text, latex = on_paper(number, Binding.SIGN)
    return replace(number, text=text, latex=latex, binding=Binding.ATOM)


def divide(piece: Piece, divisor: Piece) -> Piece:
    """The elementwise quotient."""
    first, second = (piece, divisor) if piece.rank >= divisor.rank else (divisor, piece)
    piece, divisor = numeric(piece), numeric(divisor)
    axes = layout_of([piece, divisor], [*first.labels, *[l for l in second.labels if l not in first.labels]])
    index = index_of([piece, divisor], axes)
    piece, divisor = placed(piece, axes), placed(divisor, axes)
    python = f"{in_python(piece, Binding.CHAIN)} / {in_python(divisor, Binding.SIGN)}"
    text, _ = on_paper(piece, Binding.QUOTIENT)
    other, _ = on_paper(divisor, Binding.POWER)
    latex = rf"\frac{{{piece.latex}}}{{{divisor.latex}}}"
    return Piece(f"{text} / {other}", latex, python, axes, Binding.QUOTIENT, Binding.CHAIN, index=index)


def outer(left: Piece, right: Piece) -> Piece:
    """The matrix of all products of the entries of two vectors."""
    left, right = upright(squeezed(left)), squeezed(right)
    (a, a_latex), (b, b_latex) = on_paper(left, Binding.CHAIN), on_paper(transposed(right), Binding.CHAIN)
    python = f"np.outer({left.python}, {right.python})"
    return Piece(f"{a} {b}", f"{a_latex} {b_latex}", python, (*left.axes, *right.axes), Binding.CHAIN)


def power(piece: Piece, exponent: str, python_exponent: str, *, root: bool = False) -> Piece:
    """An elementwise power."""
    text, latex = on_paper(piece, Binding.ATOM)
    if root:
        paper, precedence = (f"√{text}", rf"\sqrt{{{piece.latex}}}"), Binding.ATOM
        python = f"np.sqrt({piece.python})"
    else:
        paper, precedence = (f"{text}{exponent_text(exponent)}", f"{{{latex}}}^{{{exponent}}}"), Binding.POWER
        python = f"{in_python(piece, Binding.ATOM)} ** {python_exponent}"
    return Piece(*paper, python, piece.axes, Binding.POWER, precedence, index=piece.index)


_RAISED = str.maketrans("0123456789-/", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟ")


def exponent_text(exponent: str) -> str:
    """An exponent above the line."""
    return exponent.translate(_RAISED)


def joined(told: Sequence[tuple[int, Piece]], labels: Axes) -> Piece:
    """A sum: pieces with their signs, along the axes that at least one of them has."""
    axes = layout_of([piece for _, piece in told], [label for label in labels if label is not None])
    python, summands = "", list[Summand]()
    for place, (sign, alone) in enumerate(told):
        piece = numeric(placed(alone, axes))
        summands.append(Summand(sign, *on_paper(piece, Binding.QUOTIENT)))
        source = in_python(piece, Binding.HADAMARD)
        python += f" {'+' if sign > 0 else '-'} {source}" if place else source if sign > 0 else f"-{source}"
    text = latex = ""
    for place, (sign, a, a_latex) in enumerate(folded(summands)):
        text += f" {'+' if sign > 0 else '−'} {a}" if place else a if sign > 0 else f"−{a}"
        latex += f" {'+' if sign > 0 else '-'} {a_latex}" if place else a_latex if sign > 0 else f"-{a_latex}"
    index = index_of([piece for _, piece in told], axes)
    return Piece(text, latex, python, axes, Binding.SUM, Binding.SUM, index=index)


def with_number(piece: Piece | None, number: tuple[str, str, str]) -> Piece:
    """A coefficient before a piece; 1/N comes after it in text and Python."""
    text, latex, python = number
    if piece is None:
        return Piece(
            text or "1",
            latex or "1",
            python or "1",
            (),
            Binding.CHAIN if "/" in text else Binding.ATOM,
            Binding.CHAIN if "/" in python or "*" in python else Binding.ATOM,
        )
    if not text:
        return piece
    if text.startswith("1/"):
        piece = numeric(piece)  # −True is none
        a, a_latex = on_paper(piece, Binding.HADAMARD)
        slash = "/" if a.endswith(")") else " / "
        source = f"{in_python(piece, Binding.CHAIN)} / {python[4:]}"
        paper = f"{a}{slash}{text[2:]}", f"{latex} {a_latex}"
        return Piece(*paper, source, piece.axes, Binding.QUOTIENT, Binding.CHAIN, index=piece.index)
    (a, a_latex) = on_paper(piece, Binding.QUOTIENT)
    binding = min(piece.binding, Binding.CHAIN) if piece.binding > Binding.SUM else Binding.CHAIN
    source = f"{python} * {in_python(piece, Binding.SIGN)}"
    return Piece(f"{text} {a}", f"{latex} {a_latex}", source, piece.axes, binding, Binding.CHAIN, index=piece.index)


def reshaped(piece: Piece, axes: Axes) -> Piece:
    """The piece with exactly these axes in Python: transposed, with axes of size 1, constant axes written out."""
    piece = numeric(piece)
    if piece.axes == axes:
        return piece
    wanted = [label for label in axes if label is not None]
    if piece.python == "0.0":
        shape = ", ".join([str(1 if label is None else label.size) for label in axes])
        return replace(piece, python=f"np.zeros(({shape}{',' * (len(axes) == 1)}))", axes=axes)
    if [l for l in wanted if l in piece.labels] != wanted:  # constant along an axis
        source = stretched(piece, axes) if piece.axes else piece.python
        shape = ", ".join(["1" if label is None else str(label.size) for label in axes])
        shape = f"({shape},)" if len(axes) == 1 else f"({shape})"
        length = shape.strip("(,)") if len(axes) == 1 else shape
        return replace(
            piece,
            python=f"np.ones({length})" if source == "1" else f"np.broadcast_to({source}, {shape})" if axes else source,
            axes=axes,
            precedence=Binding.ATOM,
            reduced=None,
        )
    if piece.rank == 2 and list(piece.labels) == wanted[::-1]:
        piece = transposed(squeezed(piece))
    if piece.axes == axes:
        return piece
    if piece.reduced is not None and len(axes) == 2 and None in axes and None not in piece.axes:
        inner, axis = piece.reduced
        if axes[axis] is None:
            return replace(piece, python=f"{inner}(axis={axis}, keepdims=True)", axes=axes)
    piece = squeezed(piece)
    if not axes:
        return piece
    if not wanted:
        return replace(
            piece, python=f"np.reshape({piece.python}, {axes_of_ones(axes)})", axes=axes, precedence=Binding.ATOM
        )
    if list(piece.labels) != wanted:
        order = ", ".join([str(piece.labels.index(label)) for label in wanted])
        python = f"np.transpose({piece.python}, ({order}))"
        piece = replace(piece, python=python, axes=tuple(wanted), precedence=Binding.ATOM, reduced=None)
        if piece.axes == axes:
            return piece
    index = ", ".join(["None" if label is None else ":" for label in axes])
    return replace(
        piece, python=f"{in_python(piece, Binding.ATOM)}[{index}]", axes=axes, precedence=Binding.ATOM, reduced=None
    )


def axes_of_ones(axes: Axes) -> str:
    """The shape of an array of one number."""
    return f"({'1, ' * len(axes)})".replace(", )", ",)" if len(axes) == 1 else ")")


def raised(piece: Piece, exponent: Fraction) -> Piece:
    """A power of a piece."""
    if exponent == 1:
        return piece
    if exponent == Fraction(1, 2):
        return power(piece, "1/2", "0.5", root=True)
    told = str(exponent)
    return power(piece, told, told if exponent.denominator == 1 else repr(float(exponent)))


def negated(piece: Piece) -> Piece:
    """Minus a piece."""
    piece = numeric(piece)
    text, latex = on_paper(piece, Binding.QUOTIENT)
    return Piece(
        f"−{text}",
        f"-{latex}",
        f"-{in_python(piece, Binding.CHAIN)}",
        piece.axes,
        min(piece.binding, Binding.CHAIN) if piece.binding > Binding.SUM else Binding.CHAIN,
        Binding.CHAIN,
        index=piece.index,
    )
