"""The kinds of mistakes, each with a hint that names the kind and does not give the answer away."""

from __future__ import annotations

__all__ = ["HINTS", "hint_for"]

HINTS = {
    "transposed": "The numbers are right, their layout is not: compare the order of the axes.",
    "shape": "The numbers are right, their shape is not: a gradient has the shape of its variable.",
    "sign": "Look at the signs.",
    "factor": "It is off by a constant: look at means, powers and whatever is divided by a size.",
    "missing-sum": "A variable that is used several times gets the sum of what comes back.",
    "extra-sum": "Something is summed that should stay apart.",
    "wrong-axis": "Look at the axis of a sum or a mean.",
    "averaged": "Is it a sum or a mean that comes back?",
    "upstream-missing": "The chain rule multiplies by what comes back from further on.",
    "mask-missing": "Nothing comes back to what was masked, clipped or not chosen.",
    "wrong-mask": "Which entries were chosen on the way forward? Only those get something back.",
    "local-factor": "One link of the chain is wrong: look at the derivative of a single step.",
    "operand-not-transposed": "On the way back a matrix is transposed.",
    "wrong-tensor": "The formula is right, but one of the arrays in it is another one.",
    "path-missing": "The variable reaches the result in more than one way: have all of them been counted?",
    "path-doubled": "A way to the result has been counted more than once.",
    "path-sign": "The variable reaches the result in more than one way: look at the sign of each.",
    "diagonal-for-full": "Each entry of the result depends on several entries of the argument, not on one.",
    "jacobian-for-gradient": "This is a derivative of an array: what is asked for is that of the loss.",
    "shifted": "The numbers are right but sit beside their places.",
    "permuted": "The numbers are right but not in their places: undo the order, do not apply it again.",
    "swapped": "Two gradients have changed places.",
    "stale": "An array from before (or after) was used: look at what is cleared and when.",
    "conjugate": "With complex numbers something is conjugated on the way back.",
    "rounding": "The formula is right; the difference is rounding.",
    "unknown": "Compare the entry that is farthest off with the same entry by finite differences.",
}


def hint_for(mistake: str) -> str:
    """The hint for a mistake.

    >>> hint_for("sign")
    'Look at the signs.'
    """
    return HINTS.get(mistake, HINTS["unknown"])
