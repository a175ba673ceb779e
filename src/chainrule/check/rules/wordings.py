"""What a wrong rule is called, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.check.chain.fits import Coefficient
from chainrule.check.chain.links import Link
from chainrule.check.chain.masks import masking
from chainrule.check.chain.phrases import axes_in_words, called, gradient
from chainrule.check.chain.point import Point
from chainrule.check.rules.variation import Variation
from chainrule.linear.term import Opaque

__all__ = ["Wording", "told"]

Array = np.ndarray[Any, np.dtype[Any]]


class Wording(NamedTuple):
    """A mistake, what it adds to the cost, a message, and a fix."""

    mistake: str
    extra: float
    message: str
    fix: str


def told(point: Point, link: Link, variation: Variation, coefficient: Coefficient) -> Wording:
    """What is said about a wrong rule that fits."""
    wording = _SAID[variation.where](point, link, variation)
    message = wording.message
    if message.startswith("the "):
        message = f"T{message[1:]}"
    if coefficient.value != 1.0:
        message = f"{message.rstrip('.')}, and times {coefficient.text}."
    return wording._replace(message=message)


def _names(point: Point, link: Link) -> tuple[str, str, str]:
    """The head, the tail, and the way between them."""
    steps = point.sure_reach.steps
    head, tail = called(steps[link.head]), called(steps[link.tail])
    return head, tail, f"on the way back from {head} to {tail}"


def _gradients(point: Point, link: Link) -> tuple[str, str]:
    """What the cotangents of the head and of the tail are called."""
    steps = point.sure_reach.steps
    return gradient(steps[link.head]), gradient(steps[link.tail])


def _about_rule(point: Point, link: Link, variation: Variation) -> Wording:
    """A wrong rule as a whole."""
    head, tail, back = _names(point, link)
    dhead, dtail = _gradients(point, link)
    terms, how = link.terms(point.sure_reach), variation.how
    if how == "skipped":
        return _left_out(point, link, masking(terms))
    if how == "to all":
        return _left_out(point, link, masking(terms) or bool(terms[0].tables))
    if how == "term lost":
        return Wording("path-missing", 0.0, f"One of the terms of the derivative of {head} is lost {back}.", "add it")
    if how == "pushed":
        structural = all(
            np.ndim(factor) == 0 and not isinstance(factor, Opaque) for term in terms for factor in term.factors
        )
        if structural:
            return Wording("permuted", 0.0, f"{head} is done once more {back}; it is to be undone.", f"undo {head}")
        message = f"The Jacobian of {head} is multiplied as it is {back}; it is to be transposed."
        return Wording("operand-not-transposed", 0.0, message, "transpose it")
    if how == "twice":
        return Wording("local-factor", 0.0, f"The derivative of {head} by {tail} is applied twice.", "apply it once")
    if how == "applied":
        mistake = "wrong-mask" if masking(terms) else "local-factor"
        message = f"The function that gives {head} is applied to {dhead} {back}, in place of its derivative."
        return Wording(mistake, 0.0, message, f"multiply {dhead} by the derivative")
    if how in ("largest", "smallest"):
        message = (
            f"{dhead} goes to the {how} entries of {tail} along {axes_in_words(variation.about)}; others were chosen."
        )
        return Wording("wrong-mask", 0.0, message, "use the entries that were chosen in the forward pass")
    if how in ("last wins", "first wins"):
        message = f"Where a place of {tail} is used several times, {dtail} keeps the {how[:-5]} use only {back}."
        return Wording("path-missing", 0.0, message, f"add into {dtail} (np.add.at), do not assign")
    return _about_axes(point, link, variation)


def _left_out(point: Point, link: Link, mask: bool) -> Wording:
    head, tail, back = _names(point, link)
    dhead, _ = _gradients(point, link)
    if mask:
        message = f"The mask is missing {back}: all of {dhead} is passed on."
        return Wording("mask-missing", -0.5, message, f"multiply {dhead} by the mask of {head}")
    message = f"The derivative of {head} by {tail} is left out {back}."
    return Wording("local-factor", 0.0, message, f"multiply {dhead} by the derivative of {head} by {tail}")


def _about_axes(point: Point, link: Link, variation: Variation) -> Wording:
    """Axes that are reduced in a wrong way."""
    _, _, back = _names(point, link)
    how, where = variation.how, axes_in_words(variation.about)
    if how == "mean":
        return Wording("averaged", 0.0, f"The mean over {where} is taken {back}.", f"sum over {where}")
    if how in ("first", "last"):
        message = f"Only the {how} entry along {where} is counted {back}."
        return Wording("path-missing", 0.0, message, f"sum over {where}")
    if how == "sum" and not _sums(point, link):
        return Wording(
            "extra-sum", 0.0, f"The sum over {where} is taken {back}, where entries are to be picked.", "pick them"
        )
    mistake = "wrong-axis" if how == "sum" else "local-factor"
    return Wording(mistake, 0.0, f"The {how} over {where} is taken {back}.", "sum over the axes that were stretched")


def _sums(point: Point, link: Link) -> bool:
    """Whether the right rule sums: there are labels of the row that the column does not have."""
    for made, _, _ in link.terms(point.sure_reach):
        kept = {label for axis in made.column for label in axis.labels}
        if any(label not in kept for axis in made.row for label in axis.labels):
            return True
    return False


def _about_factor(point: Point, link: Link, variation: Variation) -> Wording:
    """A wrong array in the rule."""
    head, tail, back = _names(point, link)
    how, mask = variation.how, masking(link.terms(point.sure_reach))
    if how == "dropped":
        return _left_out(point, link, mask)
    if how == "other":
        return _other_array(point, link, variation, mask)
    if how == "turned":
        name = _factor_name(point, link, variation)
        return Wording("operand-not-transposed", 0.0, f"{name} is not transposed {back}.", f"transpose {name}")
    if how == "complement":
        if mask:
            return Wording("wrong-mask", -0.4, f"The mask is upside down {back}.", "turn the mask around")
        return Wording("local-factor", 0.0, f"1 minus the derivative of {head} is used {back}.", "use the derivative")
    if how in _REARRANGED:
        return _rearranged(_factor_name(point, link, variation), variation, back)
    message = f"The derivative of {head} by {tail} is {how} {back}."
    return Wording("local-factor", 0.0, message, f"use the derivative of {head} as it is")


def _factor_name(point: Point, link: Link, variation: Variation) -> str:
    """What a factor is called: the array that it is, or the derivative."""
    head, tail, _ = _names(point, link)
    if variation.about in ("all", "map"):
        return "the matrix"
    number = at_hand(point, link, variation.place)
    return f"the derivative of {head} by {tail}" if number is None else called(point.sure_reach.steps[number])


def _other_array(point: Point, link: Link, variation: Variation, mask: bool) -> Wording:
    reference = variation.array
    assert reference is not None
    head, tail, back = _names(point, link)
    if mask:
        return Wording(
            "wrong-mask", 0.0, f"{reference.name} stands in place of the mask {back}.", f"use the mask of {head}"
        )
    right = at_hand(point, link, variation.place)
    name = f"the derivative of {head} by {tail}" if right is None else called(point.sure_reach.steps[right])
    mistake = "stale" if reference.kind == "pool" else "wrong-tensor"
    if mistake == "wrong-tensor" and right is None and reference.number in _own(link):
        mistake = "local-factor"
    return Wording(
        mistake, 0.0, f"{reference.name} stands in place of {name} {back}.", f"use {name}, not {reference.name}"
    )


def _own(link: Link) -> set[int]:
    """The steps that a link is made of."""
    return {link.head, link.tail, *(edge.step for edge in link.inside)}


def _about_values(point: Point, link: Link, variation: Variation) -> Wording:
    """The derivative at wrong values."""
    head, tail, _ = _names(point, link)
    how, derivative = variation.how, f"the derivative of {head} by {tail}"
    if how == "moved":
        where = variation.about.format(tail)
        return Wording("local-factor", 0.0, f"{derivative.capitalize()} is taken at {where}.", f"take it at {tail}")
    if how in ("exchanged", "of the other"):
        message = f"The arguments of {head} are taken for each other in {derivative}."
        return Wording("local-factor", 0.0, message, "exchange them")
    reference = variation.array
    what = {"at its result": head, "at its argument": tail}.get(how) or (reference.name if reference else "")
    stale = reference is not None and reference.kind == "pool"
    message = f"{derivative[0].upper()}{derivative[1:]} is taken at {what}."
    right = head if how == "at its argument" else tail
    return Wording("stale" if stale else "wrong-tensor", 0.0, message, f"take it at {right}")


def _about_cotangent(point: Point, link: Link, variation: Variation) -> Wording:
    """The right rule for something else than the cotangent."""
    _, tail, back = _names(point, link)
    dhead, _ = _gradients(point, link)
    how, reference = variation.how, variation.array
    if how == "ones":
        name = "the upstream" if link.head in point.sure_reach.seeds else f"{dhead}"
        return Wording("upstream-missing", 0.0, f"{name} is not multiplied {back}.", f"multiply by {name}")
    if how == "turned":
        factors = [factor for term in link.terms(point.sure_reach) for factor in term.factors if np.ndim(factor)]
        mistake = "operand-not-transposed" if factors else "transposed"
        return Wording(mistake, 0.0, f"{dhead} is to be transposed {back}.", f"transpose {dhead}")
    if how in _REARRANGED:
        return _rearranged(f"{dhead}", variation, back)
    if reference is not None:
        if reference.kind == "adjoint" and reference.number in later(point, link.head):
            message = (
                f"The chain between {reference.name} and {dhead} is skipped: {reference.name} is used for {dhead}."
            )
            return Wording("local-factor", 0.0, message, "multiply by the links between them")
        mistake = "stale" if reference.kind == "pool" else "wrong-tensor"
        if np.ptp(point.sure_reach.adjoints[link.head]) == 0 and mistake == "wrong-tensor":
            return Wording(
                "local-factor", 0.0, f"{dhead} is multiplied by {reference.name} {back}.", f"use {dhead} as it is"
            )
        return Wording(mistake, 0.0, f"{reference.name} stands in place of {dhead} {back}.", f"use {dhead}")
    if how == "masked by itself":
        return Wording("wrong-mask", 0.0, f"{dhead} is masked by its own sign {back}.", f"mask by {tail}")
    return Wording("local-factor", 0.0, f"{dhead} is {how} {back}.", f"use {dhead} as it is")


def _about_result(point: Point, link: Link, variation: Variation) -> Wording:
    """What comes back, changed once more."""
    head, tail, back = _names(point, link)
    dhead, dtail = _gradients(point, link)
    how = variation.how
    if how == "turned":
        return Wording("transposed", 0.0, f"What comes back to {tail} from {head} is transposed.", "transpose it")
    if how == "reordered":
        message = f"{dhead} is put back into the shape of {tail} in another order."
        return Wording("permuted", 0.0, message, f"undo what made {head} of {tail}, axis by axis")
    if how in _REARRANGED:
        return _rearranged("what comes back", variation, back)
    if how == "masked":
        mistake = "wrong-mask" if masking(link.terms(point.sure_reach)) else "local-factor"
        return Wording(
            mistake, 0.0, f"{dtail} is masked by {tail} {variation.about} 0.", "take the mask of the forward pass"
        )
    if how in ("multiplied", "divided"):
        name = head if variation.about == "head" else tail
        message = f"The derivative of {head} by {tail} is {how} by {name} once too often."
        return Wording(
            "local-factor",
            0.0,
            message,
            f"leave {name} out once" if how == "multiplied" else f"do not divide by {name}",
        )
    return Wording("local-factor", 0.0, f"The {how} of what comes back is taken {back}.", "use it as it is")


def _about_table(point: Point, link: Link, variation: Variation) -> Wording:
    """Places that are looked up wrongly."""
    _, _, back = _names(point, link)
    _, dtail = _gradients(point, link)
    if variation.how == "other":
        name = called(point.sure_reach.steps[variation.about])
        message = f"{name} says which places of {dtail} are written {back}; that is not the index of the forward pass."
        return Wording("permuted", 0.0, message, "use the index of the forward pass")
    return Wording("shifted", 0.0, f"Places of {dtail} are off by {variation.about} {back}.", "use the index as it is")


def _about_form(point: Point, link: Link, variation: Variation) -> Wording:
    """Another formula for an elementwise derivative."""
    head, tail, back = _names(point, link)
    _, dtail = _gradients(point, link)
    if variation.how == "multiplied" and not link.inside:
        message = f"{dtail} is multiplied by {variation.about}, which belongs not there, or twice."
        return Wording("local-factor", 0.0, message, f"leave {variation.about} out of {dtail}")
    if variation.how == "multiplied":
        message = f"The derivative of {head} by {tail} is multiplied by {variation.about} {back}."
        return Wording("local-factor", 0.0, message, f"leave {variation.about} out")
    mask = masking(link.terms(point.sure_reach))
    own = variation.how in ("own", "head", "tail") and not (
        link.is_edge and _is_array_for_array(point, link, variation)
    )
    mistake = "wrong-mask" if mask else "local-factor" if own else "wrong-tensor"
    message = f"{variation.about} stands for the derivative of {head} by {tail} {back}."
    extra = 0.35 if mistake == "wrong-tensor" and variation.how == "own" else 0.0  # there is a plainer way to say it
    return Wording(mistake, extra, message, f"use the derivative of {head} by {tail}")


def _is_array_for_array(point: Point, link: Link, variation: Variation) -> bool:
    """Whether a recorded array stands in place of another one, with nothing done to it."""
    terms = link.terms(point.sure_reach)
    ends = {called(point.sure_reach.steps[number]) for number in (link.head, link.tail)}
    simple = len(terms) == 1 and len(terms[0].factors) == 1 and np.ndim(terms[0].factors[0]) > 0
    return simple and variation.about in ends and at_hand(point, link, (0, 0)) is not None


def _about_block(point: Point, link: Link, variation: Variation) -> Wording:
    """Several steps whose Jacobian is full."""
    head, tail, back = _names(point, link)
    if variation.how == "diagonal":
        message = (
            f"Only the diagonal of the Jacobian of {head} by {tail} is used: each entry of {head} depends on several."
        )
        return Wording("diagonal-for-full", 0.0, message, f"use the whole Jacobian of {head} by {tail}")
    if variation.how == "twice":
        return Wording("local-factor", 0.0, f"The derivative of {head} by {tail} is applied twice.", "apply it once")
    return Wording(
        "local-factor",
        0.0,
        f"The steps from {tail} to {head} are left out {back}.",
        f"multiply by the derivative of {head}",
    )


def _about_mask(point: Point, link: Link, variation: Variation) -> Wording:
    head, _, back = _names(point, link)
    message = f"{variation.about} of what the mask of {head} stops is let through {back}."
    return Wording("wrong-mask", 0.0, message, f"use the mask of {head}: 1 or 0")


_SAID: dict[str, Callable[[Point, Link, Variation], Wording]] = {
    "rule": _about_rule,
    "factor": _about_factor,
    "values": _about_values,
    "cotangent": _about_cotangent,
    "result": _about_result,
    "table": _about_table,
    "form": _about_form,
    "block": _about_block,
    "mask": _about_mask,
}
_REARRANGED = {"flipped": "permuted", "rolled": "shifted", "summed": "extra-sum"}


def _rearranged(name: str, variation: Variation, back: str) -> Wording:
    how, about = variation.how, variation.about
    axis = about[0] if how == "rolled" else about
    where = "along every axis" if axis is None else f"along axis {axis}"
    said = {"flipped": "reversed", "rolled": "shifted", "summed": "summed"}[how]
    fix = {"flipped": "reverse it", "rolled": "shift it back", "summed": "multiply first, sum then"}[how]
    return Wording(_REARRANGED[how], 0.0, f"{name[0].upper()}{name[1:]} is {said} {where} {back}.", fix)


def later(point: Point, number: int) -> set[int]:
    """The steps of the path that depend on one of them."""
    reach = point.sure_reach
    found = {number}
    for step in reach.path:
        if step > number and any(reach.number_of[argument] in found for argument in reach.steps[step].arguments):
            found.add(step)
    return found - {number}


def at_hand(point: Point, link: Link, place: tuple[int, int]) -> int | None:
    """The step whose value a factor of the right rule is, if it is not something computed for the derivative."""
    reach = point.sure_reach
    factor = np.asarray(link.terms(reach)[place[0]].factors[place[1]])
    for number in point.by_shape.get(factor.shape, []):
        if number != link.head and np.array_equal(reach.value(number), factor):
            return number
    return None
