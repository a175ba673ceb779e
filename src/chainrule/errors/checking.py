"""Notebooks, claims and reports: what the check of a gradient has to say."""

from __future__ import annotations

from chainrule.errors.basis import ChainruleError

__all__ = [
    "CellTimeoutError",
    "ClaimError",
    "DeriveError",
    "NotebookError",
    "NotebookFormatError",
    "NotebookMissingError",
    "ReportError",
    "WeakTestError",
    "WrongGradientError",
]


class NotebookError(ChainruleError):
    """A notebook that cannot be read or run."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class NotebookMissingError(NotebookError, FileNotFoundError):
    """There is no such file, or it is not a file on this machine.

    Wrong: ``chainrule check https://example.org/gradients.ipynb``.
    Right: save it first: ``chainrule check gradients.ipynb``.
    """


class NotebookFormatError(NotebookError, ValueError):
    """The file is there, but it is not a notebook of Python cells: broken JSON, another kind of file, no code."""


class CellTimeoutError(NotebookError, TimeoutError):
    """A cell did not end in the time that it was given.

    Right: ``chainrule check NOTEBOOK --timeout 3600``, if it only takes long.
    """


class ReportError(ChainruleError, OSError):
    """A report that cannot be written where it was asked for.

    Right: a file in a folder that is there, and that you may write to.
    """


class DeriveError(ChainruleError, ValueError):
    """A function that `chainrule derive` does not find, whose arguments have no values, or whose file fails.

    Wrong: ``chainrule derive losses.py:mse``, where ``mse(prediction, target)`` has no defaults.
    Right: ``… --at "prediction=np.zeros(3)" --at "target=np.ones(3)"``, or a variable ``example`` in the file.
    """


class ClaimError(ChainruleError, ValueError):
    """A claimed gradient that belongs to no argument, too many or too few of them, or no array of numbers.

    Wrong: ``check(loss, {"w1": dW1}, X, W1)``, where the argument is called ``W1``.
    Right: ``check(loss, {"W1": dW1}, X, W1)``; ``dW1`` and ``dL_dW1`` stand for it too.
    """


class WrongGradientError(ChainruleError, AssertionError):
    """A claimed gradient is wrong; the message is the report. Wrong: ``x`` for ∂x²/∂x. Right: ``2 * x``."""


class WeakTestError(ChainruleError, AssertionError):
    """A gradient passed a test that would not notice many mistakes. Right: random numbers, at sizes that differ."""
