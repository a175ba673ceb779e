"""What any part of the library may have to say."""

from __future__ import annotations

__all__ = [
    "ChainruleError",
    "DtypeError",
    "ExportError",
    "LibraryMissingError",
    "OptionError",
    "ShapeError",
    "SourceError",
    "TooLargeError",
]


class ChainruleError(Exception):
    """Anything that chainrule has to say about what it was given."""


class ShapeError(ChainruleError, ValueError):
    """Shapes that do not fit.

    Wrong: ``np.ones((2, 3)) @ cr.tensor(np.ones((4, 2)))``: axis 1 of the first has 3, axis 0 of the second has 4.
    Right: give arrays whose named axes agree, or transpose one of them.
    """


class DtypeError(ChainruleError, TypeError):
    """Numbers of a kind that has no derivative: integers, booleans, text, objects.

    Wrong: ``cr.tensor([1, 2], requires_grad=True)``.
    Right: ``cr.tensor([1.0, 2.0], requires_grad=True)``.
    """


class OptionError(ChainruleError, ValueError):
    """An option that has no meaning, or does not go with the other arguments.

    Wrong: ``np.quantile(x, 50)``.
    Right: ``np.quantile(x, 0.5)``, or ``np.percentile(x, 50)``.
    """


class LibraryMissingError(ChainruleError, ImportError):
    """A library was asked for by name and is not installed.

    Wrong: ``chainrule check NOTEBOOK --torch=torch`` where PyTorch is not installed.
    Right: ``pip install torch``, or leave the option out: chainrule then stands in for PyTorch.
    """


class TooLargeError(ChainruleError, MemoryError):
    """What was asked for would need a large dense array that was not asked for by name.

    Wrong: ``J.solve(b)`` of a map with 100,000 rows and no structure that can be used.
    Right: ``J.solve(b, iterative=True)``, or ``np.linalg.solve`` on ``J.dense()`` if the memory is there.
    """


class ExportError(ChainruleError, ValueError):
    """A function that cannot be object code, such as ``lambda x: x if x[0] > 0 else -x``; with ``np.where`` it can."""


class SourceError(ChainruleError, ValueError):
    """A function that cannot be written for other libraries' arrays, or not for any number of rows.

    Wrong: ``cr.source(lambda x: np.sum(x[: len(x) // 2]), rows=0)(x)``.
    Right: a function that makes the same NumPy calls for any number of rows, with numbers that follow from it simply.
    """
