"""Solvers move in vectors: how parameters of any shape are laid out in one vector, and taken from it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.errors import DtypeError, ShapeError, StartError
from chainrule.tensor import Tensor
from chainrule.transforms.trees import flatten, skeleton, unflatten

__all__ = ["Layout", "plain", "require_finite", "to_vector", "vectorised"]


class Layout:
    """Where each array of some parameters stands in one vector of doubles.

    Args:
        parameters: an array, a number, or nested tuples, lists and dicts of them; a list or tuple that holds nothing
            but numbers is an array, as it is for SciPy.
        name: what messages call the parameters.

    Raises:
        DtypeError: they are integers, complex, or no numbers.
        ShapeError: there is not one number.

    >>> layout = Layout({"W": np.ones((2, 2)), "b": np.zeros(2)}, "x0")
    >>> layout.vector
    array([1., 1., 1., 1., 0., 0.])
    >>> layout.tree(np.arange(6.0))["W"]
    array([[0., 1.],
           [2., 3.]])
    """

    def __init__(self, parameters: Any, name: str) -> None:
        self.name = name
        leaves, self.structure = flatten(_as_array(parameters))
        arrays = [self._checked(leaf) for leaf in leaves]
        self.shapes = [array.shape for array in arrays]
        ends = np.cumsum([0, *[array.size for array in arrays]]).tolist()
        self.size = int(ends[-1])
        #: For each array: where it begins and ends in the vector, its shape, its dtype.
        spans = zip(pairwise(ends), arrays, strict=True)
        self.places = tuple([(*span, array.shape, array.dtype) for span, array in spans])
        if not self.size:
            raise ShapeError(f"{name} holds no numbers: a solver needs at least one parameter")
        self.vector = np.concatenate([array.reshape(-1) for array in arrays]).astype(np.float64)
        # One vector of doubles is laid out as itself: nothing is recorded.
        self.is_vector = self.structure == 0 and self.places == ((0, self.size, (self.size,), np.float64),)

    def _checked(self, leaf: Any) -> Any:
        array = np.asarray(plain(leaf))
        if array.dtype.kind in "iub":
            raise DtypeError(
                f"{self.name} holds integers ({array.dtype}): a solver moves by real numbers. Give 1.0 instead of 1, "
                f"or {self.name}.astype(float)."
            )
        if array.dtype.kind == "c":
            raise DtypeError(
                f"{self.name} is complex: solvers move by real numbers. Give the real and the imaginary part as two "
                "arrays, (z.real, z.imag)."
            )
        if array.dtype.kind != "f":
            raise DtypeError(f"{self.name} holds {type(leaf).__name__} {leaf!r:.60}; expected arrays of real numbers.")
        return array

    def flat(self, parameters: Any) -> Any:
        """The vector of parameters that are laid out like this.

        Raises:
            ShapeError: the containers or shapes are others.
        """
        leaves, structure = flatten(_as_array(parameters))
        arrays = [np.asarray(plain(leaf)) for leaf in leaves]
        shapes = [array.shape for array in arrays]
        if skeleton(structure) != skeleton(self.structure) or shapes != self.shapes:
            raise ShapeError(
                f"parameters {skeleton(structure)} of shapes {shapes} were given; {self.name} is "
                f"{skeleton(self.structure)} of shapes {self.shapes}"
            )
        return np.concatenate([array.reshape(-1) for array in arrays]).astype(np.float64)

    def tree(self, vector: Any) -> Any:
        """The parameters that a vector holds, in their containers, shapes and dtypes; tracked if the vector is."""
        return vector if self.is_vector else _taken(vector, self.places, self.structure)

    def flattened(self, function: Callable[..., Any], position: int = 0) -> Callable[..., Any]:
        """The function of the vector instead of the parameters, which are its argument at ``position``.

        It closes over plain data only, so that its derivatives can be recorded and replayed.
        """
        if self.is_vector:
            return function
        places, structure = self.places, self.structure

        def flat(*arguments: Any) -> Any:
            parameters = _taken(arguments[position], places, structure)
            return function(*arguments[:position], parameters, *arguments[position + 1 :])

        return flat

    def bound(self, given: Any, word: str) -> Any:
        """A bound on the parameters as a vector: a number for all, or one for each array, or arrays of their shapes.

        Raises:
            ShapeError: the containers or shapes are others.
            DtypeError: it is no number.
        """
        leaves, structure = flatten(given if np.ndim(given) == 0 else _as_array(given))
        if structure == 0 and np.ndim(leaves[0]) == 0:
            leaves, structure = leaves * len(self.places), self.structure
        found = np.empty(self.size)
        if skeleton(structure) != skeleton(self.structure):
            raise ShapeError(
                f"the {word} bound is {skeleton(structure)}; expected a number, or {skeleton(self.structure)} as "
                f"{self.name} is"
            )
        for leaf, (start, stop, shape, _) in zip(leaves, self.places, strict=True):
            array = np.asarray(plain(leaf))
            if array.dtype.kind not in "fiu":
                raise DtypeError(f"the {word} bound holds {type(leaf).__name__} {leaf!r:.60}; expected numbers")
            if array.shape not in ((), shape):
                raise ShapeError(f"the {word} bound has an array of shape {array.shape}; expected a number, or {shape}")
            found[start:stop] = array.reshape(-1)
        return found

    def checked(self, x: Any) -> Any:
        """A copy of what a solver passes, as a vector of doubles: the solver may overwrite its own later.

        Raises:
            ShapeError: it is not a vector of this size.
            DtypeError: it is complex.
        """
        x = np.asarray(x)
        if x.dtype.kind == "c":
            raise DtypeError(
                f"the function was called at a complex point: complex steps (jac='cs') are for functions without "
                f"derivatives; give the solver those of this object instead of {x.dtype} steps."
            )
        if x.size != self.size or x.ndim > 1:
            raise ShapeError(
                f"a point of shape {x.shape} was given; expected ({self.size},), as {self.name} has {self.size} "
                f"numbers{self._said()}. To give parameters in their own shapes, lay them out: .vector(parameters)."
            )
        return np.array(x, np.float64).reshape(self.size)

    def _said(self) -> str:
        return "" if self.is_vector else f" in {skeleton(self.structure)} of shapes {self.shapes}"

    def place(self, k: int) -> str:
        """Entry ``k`` of the vector, by its place in the parameters."""
        number, (start, _, shape, _) = next(place for place in enumerate(self.places) if k < place[1][1])
        inside = np.unravel_index(k - start, shape)
        words = f"[{', '.join([str(int(i)) for i in inside])}]"
        return words + (f" of array {number}" if len(self.places) > 1 else "")


def _taken(vector: Any, places: Sequence[Any], structure: Any) -> Any:
    """The parameters that a vector holds: see `Layout`."""
    leaves = []
    for start, stop, shape, dtype in places:
        leaf = vector if len(places) == 1 else vector[start:stop]
        if len(shape) != 1:
            leaf = leaf.reshape(shape)
        leaves.append(leaf if dtype == np.float64 else leaf.astype(dtype))
    return unflatten(structure, leaves)


def _as_array(parameters: Any) -> Any:
    """A list or tuple of plain numbers as SciPy reads it: one array."""
    numbers = type(parameters) in (list, tuple) and [
        isinstance(e, int | float | complex | np.number) for e in parameters
    ]
    return np.array(parameters) if numbers and all(numbers) else parameters


def plain(leaf: Any) -> Any:
    """The array of a tensor; anything else as it is."""
    return leaf.value if isinstance(leaf, Tensor) else leaf


def to_vector(result: Any, what: str) -> Any:
    """The numbers that a function returned as one vector, tracked if they are.

    ``what`` begins a sentence: "the function returned".

    Raises:
        DtypeError: it returned something else than arrays or numbers, also in lists, tuples and dicts.
    """
    if getattr(result, "ndim", None) == 1 and plain(result).dtype == np.float64:
        return result
    leaves, _ = flatten(result)
    parts = []
    for leaf in leaves:
        value = leaf if isinstance(leaf, Tensor) else np.asarray(leaf)
        if plain(value).dtype.kind not in "fiub":
            raise DtypeError(
                f"{what} {_kind_of(leaf)}; expected an array of real numbers (or a list, tuple or dict of "
                "arrays and numbers)."
            )
        parts.append(np.reshape(value, (-1,)))
    if not parts:
        raise DtypeError(f"{what} {result!r:.60}; expected an array of real numbers. Does a return statement miss?")
    return (parts[0] if len(parts) == 1 else np.concatenate(parts)).astype(np.float64)


def vectorised(flat: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its results put into one vector."""

    def values(*arguments: Any) -> Any:
        return to_vector(flat(*arguments), "the function returned")

    return values


def _kind_of(leaf: Any) -> str:
    array = np.asarray(leaf)
    return f"an array of {array.dtype}" if array.ndim else f"{type(leaf).__name__} {leaf!r:.60}"


def require_finite(numbers: Any, what: str, place: Any) -> None:
    """Raise StartError if some of ``numbers``, found at the start, are infinite or not numbers.

    ``place(k)`` says where entry ``k`` belongs.
    """
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        first = int(wrong[0])
        raise StartError(
            f"{what} is {np.ravel(numbers)[first]} at the starting point{place(first)}"
            f"{f' (and in {len(wrong) - 1} more places)' if len(wrong) > 1 else ''}: no solver can go on from there. "
            "Start where the function and its derivative are finite, or write it so that they are."
        )
