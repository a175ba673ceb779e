"""Pieces read at other places: slices, windows, reshapes, and zeros put around; in text, LaTeX and NumPy at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod

from chainrule.explain.form import Axes, Factor, Label
from chainrule.explain.piece import Binding, Piece, in_python, numeric, on_paper, squeezed
from chainrule.explain.series import ranged
from chainrule.explain.ties import Place, Tie, equation, group_of, is_order, place_of
from chainrule.ops.writing import as_latex, as_text

__all__ = ["convolved", "matrix_of", "merged", "padded", "read", "scattered", "slice_of", "stacked", "windowed"]

WINDOWS = "np.lib.stride_tricks.sliding_window_view"


# --- reading ----------------------------------------------------------------------------------------------------------


def read(pieces: Sequence[Piece], ties: Sequence[Factor], free: set[Label]) -> tuple[list[Piece], list[Factor]]:
    """The pieces with their summed labels put in where a tie says what they are, and the ties that are left."""
    told, pending = list(pieces), list(ties)
    while True:
        places = _readable(told, pending, free)
        if not places:
            return told, pending
        simple = {label: place for label, place in places.items() if len(place.strides) < 2}
        chosen = simple or dict([next(iter(places.items()))])
        used = [tie for tie in pending if any(place_of(l, tie) == p for l, p in chosen.items() if l in tie.labels)]
        if simple:
            told = [_sliced(piece, simple) for piece in told]
        else:
            ((label, place),) = chosen.items()
            group = group_of(used[0])
            parts = group[1] if group is not None and group[0] is label else ()
            told = [_opened(piece, label, place, parts) if label in piece.labels else piece for piece in told]
        pending = [tie for tie in pending if tie not in used]


def _readable(pieces: Sequence[Piece], ties: Sequence[Factor], free: set[Label]) -> dict[Label, Place]:
    """The summed labels of pieces that one tie alone speaks of, and says what they are."""
    found: dict[Label, Place] = {}
    for tie in ties:
        for label in tie.labels:
            if label is None or label in free or any(label in t.labels for t in ties if t is not tie):
                continue
            place = place_of(label, tie)
            if place is None or not place.lies_in(label) or not any(label in piece.labels for piece in pieces):
                continue
            group = group_of(tie)
            if group is not None and not set(group[1]) & {*free, *[l for t in ties if t is not tie for l in t.labels]}:
                continue  # a sum over one axis rather than over several
            if len(place.strides) <= 2 or (group is not None and group[0] is label):
                found[label] = place
                break
    return found


def _opened(piece: Piece, label: Label, place: Place, parts: Sequence[Label]) -> Piece:
    """An axis split into several: a reshape, or windows."""
    if not parts:
        return windowed(piece, {label: place})
    axis = piece.axes.index(label)
    axes = (*piece.axes[:axis], *parts, *piece.axes[axis + 1 :])
    return _reshaped(piece, axes)


def _reshaped(piece: Piece, axes: Axes) -> Piece:
    sizes = [1 if l is None else l.size for l in axes]
    shown = "×".join([str(size) for size in sizes])
    text, latex = on_paper(piece, Binding.SUM)
    python = f"{in_python(piece, Binding.ATOM)}.reshape({', '.join(map(str, sizes))})"
    by = shown.replace("×", r" \times ")
    paper = f"reshape({text}, {shown})", rf"\operatorname{{reshape}}\left({latex}, {by}\right)"
    return Piece(*paper, python, axes)


def slice_of(start: int, count: int, step: int, size: int) -> str:
    """What stands in brackets for ``count`` places of an axis of this size.

    >>> slice_of(1, 5, 1, 6), slice_of(0, 5, 1, 6), slice_of(0, 3, 2, 6), slice_of(5, 6, -1, 6), slice_of(2, 2, 1, 9)
    ('1:', ':-1', '::2', '::-1', '2:4')
    """
    last = start + step * (count - 1)
    following = f":{step}" if step != 1 else ""
    if step < 0:
        begin = "" if start == size - 1 else str(start)
        return f"{begin}:{'' if last + step < 0 else last - 1}{following}"
    begin, left = str(start) if start else "", size - last - 1
    if left < step:
        return f"{begin}:{following}"
    return f"{begin}:{-left if left <= 2 and count > left + start else last + 1}{following}"


def _sliced(piece: Piece, places: Mapping[Label, Place]) -> Piece:
    """A piece at the places that are one other index, or a fixed number, along some of its axes."""
    if not set(places) & set(piece.labels):
        return piece
    axes, index = list[Label | None](), list[str]()
    for label in piece.axes:
        place = places.get(label) if label is not None else None
        if label is None or place is None:
            axes.append(label)
            index.append(":")
        elif not place.strides:
            index.append(str(place.offset))
        else:
            ((other, stride),) = place.strides.items()
            axes.append(other)
            index.append(slice_of(place.offset, other.size, stride, label.size))
    while index and index[-1] == ":":
        index.pop()
    return _indexed(piece, ", ".join(index), tuple(axes))


def _indexed(piece: Piece, index: str, axes: Axes) -> Piece:
    """``piece[index]``."""
    if not index:
        return replace(piece, axes=axes)
    text, latex = on_paper(piece, Binding.ATOM)
    paper = f"{text}[{index}]", f"{latex}[{index.replace(':', '{:}')}]"
    return Piece(*paper, f"{in_python(piece, Binding.ATOM)}[{index}]", axes, is_truth=piece.is_truth)


def windowed(piece: Piece, places: Mapping[Label, Place]) -> Piece:
    """A piece at places that are sums of two indices, with zeros outside of it; the shorter of the two come last."""
    rank = len(piece.axes)
    widths, lengths, along = [(0, 0)] * rank, list[int](), list[int]()
    index, inside, axes, last = [":"] * rank, list[str](), list(piece.axes), list[Label]()
    for label, place in places.items():
        low, high = place.bounds
        axis = piece.axes.index(label)
        widths[axis] = max(0, -low), max(0, high - label.size + 1)
        outer, inner = sorted(place.strides, key=lambda l: -l.size)
        length = abs(place.strides[inner]) * (inner.size - 1) + 1
        extent = label.size + sum(widths[axis]) - length + 1
        index[axis] = _run(place.strides[outer], low + widths[axis][0], outer.size, extent)
        inside.append(_run(place.strides[inner], 0, inner.size, length))
        axes[axis] = outer
        last.append(inner)
        lengths.append(length)
        along.append(axis)
    source = numeric(piece).python if any(map(any, widths)) else piece.python
    if any(map(any, widths)):
        source = f"np.pad({source}, {_widths(widths)})"
    told = (str(lengths[0]), str(along[0])) if len(lengths) == 1 else (str(tuple(lengths)), str(tuple(along)))
    python = f"{WINDOWS}({source}, {told[0]}{f', axis={told[1]}' if len(along) < rank else ''})"
    index += inside
    while index and index[-1] == ":":
        index.pop()
    python += f"[{', '.join(index)}]" if index else ""
    text, latex = on_paper(piece, Binding.SUM)
    return Piece(f"windows({text})", rf"\operatorname{{windows}}\left({latex}\right)", python, (*axes, *last))


def _widths(widths: Sequence[tuple[int, int]]) -> str:
    """What np.pad takes."""
    if len(widths) == 1:
        return str(widths[0] if widths[0][0] != widths[0][1] else widths[0][0])
    return str(tuple(widths))


def _run(stride: int, start: int, count: int, size: int) -> str:
    """The places start, start + |stride|, …, backwards if the stride is negative."""
    first = start + abs(stride) * (count - 1) if stride < 0 else start
    return slice_of(first, count, stride, size)


# --- putting together -------------------------------------------------------------------------------------------------


def padded(piece: Piece, axis: int, before: int, after: int) -> Piece:
    """Zeros before and after, along one axis."""
    rank = len(piece.axes)
    widths = _widths([(before, after) if k == axis else (0, 0) for k in range(rank)])
    blocks = [("0", "0")] * bool(before) + [on_paper(piece, Binding.SUM)] + [("0", "0")] * bool(after)
    return Piece(*bracketed(blocks, axis, rank), f"np.pad({piece.python}, {widths})", piece.axes)


def bracketed(blocks: Sequence[tuple[str, str]], axis: int, rank: int) -> tuple[str, str]:
    """[a; b] for blocks below each other, [a, b] beside each other; a call for further axes."""
    blocks = ranged(blocks)
    if axis == 0 or rank == 2:
        sign = ", " if axis else "; "
        text, latex = (sign.join([block[side] for block in blocks]) for side in (0, 1))
        return f"[{text}]", rf"\left[{latex}\right]"
    text, latex = (", ".join([block[side] for block in blocks]) for side in (0, 1))
    told = [f"axis={axis}"]
    return as_text("concatenate", [text], told), as_latex("concatenate", [latex], told)


def stacked(parts: Sequence[tuple[Piece, bool] | int], axes: Axes, axis: int) -> Piece:
    """Blocks along an axis of ``axes``: a piece and whether it lacks the axis, or a number of zeros."""
    rank, blocks, sources = len(axes), list[tuple[str, str]](), list[str]()
    single = all(not isinstance(part, int) and part[1] for part in parts)
    for part in parts:
        if isinstance(part, int):
            blocks.append(("0", "0"))
            sizes = [part if k == axis else 1 if l is None else l.size for k, l in enumerate(axes)]
            sources.append(f"np.zeros({sizes[0] if rank == 1 else tuple(sizes)})")
            continue
        piece, lacks = part
        blocks.append(on_paper(piece, Binding.SUM))
        index = ", ".join([":"] * axis + ["None"])
        source = piece.python
        if lacks and not single:
            source = f"[{source}]" if rank == 1 else f"{in_python(piece, Binding.ATOM)}[{index}]"
        sources.append(source)
    inside, along = ", ".join(sources), f", axis={axis}" if axis else ""
    call = "np.array" if rank == 1 else "np.stack"
    python = f"{call}([{inside}]{along})" if single else f"np.concatenate([{inside}]{along})"
    return Piece(*bracketed(blocks, axis, rank), python, axes)


def scattered(piece: Piece, axes: Axes, axis: int, start: int, step: int) -> Piece:
    """A piece whose entries along an axis lie apart, with zeros between."""
    inner, label = piece.axes[axis], axes[axis]
    assert inner is not None and label is not None
    index = ", ".join([":"] * axis + [slice_of(start, inner.size, step, label.size)])
    shape = tuple([1 if l is None else l.size for l in axes])
    text, latex = on_paper(piece, Binding.SUM)
    told = index.replace(":", "{:}")
    paper = f"scatter({text} → [{index}])", rf"\operatorname{{scatter}}\left({latex} \to [{told}]\right)"
    return Piece(*paper, f"added_at({shape}, np.s_[{index}], {piece.python})", axes)


def merged(piece: Piece, parts: Sequence[Label], label: Label) -> Piece | None:
    """Several axes as one; those that the piece lacks repeat it. None where that is more than tiling or repeating."""
    piece = numeric(squeezed(piece))
    present = [part for part in parts if part in piece.labels]
    count = prod(part.size for part in parts if part not in present)
    if not present or present not in ([*parts[len(parts) - len(present) :]], [*parts[: len(present)]]):
        return None
    if [l for l in piece.labels if l in present] != present or _scattered(piece, present):
        rest = [l for l in piece.labels if l not in present]
        wanted = [*rest[: piece.labels.index(present[0])], *present]
        wanted += [l for l in rest if l not in wanted]
        order = ", ".join([str(piece.labels.index(l)) for l in wanted])
        piece = replace(
            piece, python=f"np.transpose({piece.python}, ({order}))", axes=tuple(wanted), precedence=Binding.ATOM
        )
    axis = piece.axes.index(present[0])
    axes = (*piece.axes[:axis], label, *piece.axes[axis + len(present) :])
    if len(present) > 1:
        whole = Label(prod(part.size for part in present))
        piece = replace(_reshaped(piece, (*piece.axes[:axis], whole, *piece.axes[axis + len(present) :])), axes=axes)
    if count == 1:
        return replace(piece, axes=axes)
    text, latex = on_paper(piece, Binding.SUM)
    if present[-1] is parts[-1]:
        reps = count if axis == len(axes) - 1 else (count, *[1] * (len(axes) - axis - 1))
        name, python = "tile", f"np.tile({piece.python}, {reps})"
    else:
        name, python = "repeat", f"np.repeat({piece.python}, {count}, axis={axis})"
    return Piece(f"{name}({text}, {count})", rf"\operatorname{{{name}}}\left({latex}, {count}\right)", python, axes)


def _scattered(piece: Piece, labels: Sequence[Label]) -> bool:
    """Whether axes do not lie side by side."""
    first = piece.labels.index(labels[0])
    return list(piece.labels[first : first + len(labels)]) != list(labels)


def convolved(pieces: Sequence[Piece], tie: Factor, free: set[Label]) -> list[Piece] | None:
    """Two vectors whose product is tied to a third index: np.convolve, np.correlate; None where it is neither."""
    bound = [l for l in tie.labels if l is not None and l not in free]
    carriers = [[piece for piece in pieces if l in piece.labels] for l in bound]
    if len(tie.labels) != 3 or len(bound) != 2 or any(len(c) != 1 or c[0].rank != 1 for c in carriers):
        return None
    (out,) = [l for l in tie.labels if l in free]
    assert out is not None
    rest = [piece for piece in pieces if piece is not carriers[0][0] and piece is not carriers[1][0]]
    (first, a), (second, b) = sorted(zip(bound, [c[0] for c in carriers], strict=True), key=lambda pair: -pair[0].size)
    left, right = numeric(squeezed(a)).python, numeric(squeezed(b)).python
    for call in _calls(place_of(first, tie), place_of(out, tie), first, second, out):
        return [*rest, Piece("…", "…", call.format(left, right), (out,))]
    return None


def _calls(first: Place | None, out: Place | None, long: Label, short: Label, place: Label) -> Iterator[str]:
    """The call for Σ a[long] b[short], where the place of the result is a sum of these, or ``long`` one with it."""
    if out is not None and out.lies_in(place) and place.size == long.size + short.size - 1:
        signs = out.strides.get(long), out.strides.get(short)
        full = {(1, 1): "np.convolve({0}, {1})", (1, -1): 'np.correlate({0}, {1}, mode="full")'}
        yield from [full[signs]] if signs in full else []
    if first is not None and first.lies_in(long) and long.size == short.size + place.size - 1:
        signs = first.strides.get(place), first.strides.get(short)
        valid = {
            (1, 1): 'np.correlate({0}, {1}, mode="valid")',
            (1, -1): 'np.convolve({0}, {1}, mode="valid")',
            (-1, 1): 'np.correlate({0}, {1}, mode="valid")[::-1]',
        }
        yield from [valid[signs]] if signs in valid else []


# --- ties as arrays ---------------------------------------------------------------------------------------------------


def matrix_of(tie: Factor) -> Piece:
    """A tie as an array of zeros and ones: the identity beside zeros, if it is one; else a comparison of indices."""
    strides, offset = equation(tie)
    if is_order(tie) and sorted(strides.values()) == [-1, 1]:
        below, above = sorted(strides, key=lambda l: -strides[l])
        sizes = str(below.size) if below.size == above.size and not offset else f"{below.size}, {above.size}"
        return Piece("L", "L", f"np.tri({sizes}{f', {offset}' if offset else ''})", (below, above))
    long = max(strides, key=lambda l: l.size)
    place = place_of(long, tie)
    if place is not None and len(strides) == 2 and sorted(strides.values()) == [-1, 1]:
        (short,) = place.strides
        before, after = place.offset, long.size - short.size - place.offset
        python = f"np.eye({short.size}, {long.size}{f', {before}' if before else ''})"
        text = f"[{'0, ' * (before > 0)}I{', 0' * (after > 0)}]"
        if min(before, after) < 0:  # the identity sticks out: what is left of it lies in a corner
            text = "[0, I; 0, 0]" if before > 0 else "[0, 0; I, 0]"
        return Piece(text, rf"\left{text[:-1]}\right]", python, (short, long))
    if place is not None and len(strides) <= 2 and place.lies_in(long):
        whole = Label(long.size)
        return _sliced(Piece("I", "I", f"np.eye({long.size})", (whole, long)), {whole: place})
    assert isinstance(tie.atom, Tie)
    labels = list(strides)
    sides: dict[bool, list[str]] = {True: [], False: []}
    for k, label in enumerate(labels):
        index = ", ".join([":"] + ["None"] * (len(labels) - k - 1))
        run = f"np.arange({label.size})" + (f"[{index}]" if k < len(labels) - 1 else "")
        stride = abs(strides[label])
        sides[strides[label] > 0].append(run if stride == 1 else f"{stride} * {run}")
    if offset:
        sides[offset > 0].append(str(abs(offset)))
    sign = ">=" if is_order(tie) else "=="
    python = f"({' + '.join(sides[True]) or '0'} {sign} {' + '.join(sides[False]) or '0'})"
    return Piece("δ", r"\delta", python, tuple(labels), is_truth=True)
