"""The function under test, and one run of it: its arguments as plain arrays, its result, and its true gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from chainrule.backward import cotangents_of
from chainrule.check.function.foreign import is_foreign, library_of, like, plain, spacing_of
from chainrule.check.function.measured import measured
from chainrule.check.function.numeric import jacobian_by_differences
from chainrule.check.function.twin import bare, twin
from chainrule.errors import ChainruleError, ClaimError
from chainrule.explain.arguments import argument_names, leaf_names
from chainrule.explain.computation import Computation, Step
from chainrule.explain.record import record
from chainrule.op import Undefined
from chainrule.tape import keeping_copies
from chainrule.transforms.trees import flatten, unflatten

__all__ = ["Run", "Subject"]

Array = np.ndarray[Any, np.dtype[Any]]
# What a function may raise on tensors that it was not made for; on plain arrays it has been run before.
_AGREES = 2.0**14  # units of rounding up to which a copy of a function gives the same
_NOT_RECORDED = (ChainruleError, TypeError, AttributeError, ValueError, IndexError, NotImplementedError, RuntimeError)


class Subject:
    """A function with the arguments that it was given: how to call it with other numbers in their places.

    ``names`` are those of the leaves of the arguments; ``real`` of those that a gradient can be by.
    """

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]) -> None:
        self.function = function
        self.count = len(arguments)
        self.given = [*arguments, *options.values()]
        self.options = list(options)
        self.templates, self._structure = flatten(self.given)
        self.is_foreign = any(is_foreign(leaf) for leaf in self.templates)
        self.arguments = argument_names(bare(function) if self.is_foreign else function, arguments, options)
        self.names = [name for arrays in leaf_names(self.arguments, self.given) for name in arrays]
        self.leaves = [np.array(plain(leaf)) if _is_numeric(leaf) else leaf for leaf in self.templates]
        self.real = [name for name, leaf in zip(self.names, self.leaves, strict=True) if _kind(leaf) in "fc"]
        self.is_complex = any(_kind(leaf) == "c" for leaf in self.leaves)
        self.changed: list[str] = []  # arguments that the last call has written into
        self.out_template: Any = None  # what the function returns, as it returns it
        self.unrecorded = ""  # why the function cannot be recorded, once that is known
        self.twin: Callable[..., Any] | None = None  # of a function of another library's arrays, a copy with NumPy's
        self.is_followed = False  # whether the copy gives what the function gives

    def put(self, leaves: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments, by place and by name, with these leaves in the types that were given."""
        made = [
            like(template, leaf) if _is_numeric(template) else template
            for template, leaf in zip(self.templates, leaves, strict=True)
        ]
        values = unflatten(self._structure, made)
        return values[: self.count], dict(zip(self.options, values[self.count :], strict=True))

    def call(self, leaves: Sequence[Any]) -> Array:
        """The result as a plain array."""
        positional, named = self.put(leaves)
        given, _ = flatten([*positional, *named.values()])
        before = [value.copy() if isinstance(value, np.ndarray) else None for value in given]
        out = self.result(self.function(*positional, **named))
        self.changed = [
            name
            for name, old, new in zip(self.names, before, given, strict=True)
            if old is not None and not np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")
        ]
        return out

    def result(self, made: Any) -> Array:
        """What the function returned, as one plain array."""
        found, _ = flatten(made)
        self.out_template = found[0] if found else None
        if len(found) != 1:
            raise ClaimError(
                f"the function returns {len(found)} arrays; check one of them: wrap the function so that it returns "
                "only that one, or add up what belongs to one loss"
            )
        array = np.asarray(plain(found[0]))
        if array.dtype.kind not in "fciub":
            raise ClaimError(
                f"the function returns {type(found[0]).__name__} {found[0]!r:.60}; expected an array or a number"
            )
        return array

    def run(self, leaves: Sequence[Any], upstream: Array | None) -> Run:
        """The function run on these leaves; recorded, unless that has failed before."""
        computation = None
        if self.is_foreign and not (self.is_complex or self.unrecorded):
            computation = self._followed(leaves)
        elif not (self.is_complex or self.unrecorded):
            computation = self._recorded(self.function, leaves)
        out = self.call(leaves) if computation is None else computation.output.value
        return Run(self, leaves, np.asarray(out), upstream, computation)

    def _followed(self, leaves: Sequence[Any]) -> Computation | None:
        """The run of a copy that computes with NumPy, if what it gives is what the function gives."""
        try:
            if self.twin is None:
                self.twin = twin(self.function, {library_of(leaf) for leaf in self.templates})
            found = self._recorded(self.twin, leaves)
        except Exception as problem:  # the code of another library may raise anything
            self.unrecorded = f"{type(problem).__name__}: {problem}"
            return None
        if found is None:
            return None
        true = self.call(leaves)
        eps = max([self.eps(name) for name in self.real], default=2.0**-52)
        size = float(np.max(np.abs(true), initial=0.0))
        if found.output.shape != true.shape or not np.allclose(
            found.output.value, true, rtol=_AGREES * eps, atol=_AGREES * eps * size, equal_nan=True
        ):
            self.unrecorded = "with NumPy it computes something else"
            return None
        self.is_followed = True
        return found

    def _recorded(self, function: Callable[..., Any], leaves: Sequence[Any]) -> Computation | None:
        """The run in double precision, whatever the precision of the arguments."""
        wide = [leaf.astype(np.float64) if _kind(leaf) == "f" else leaf for leaf in leaves]
        values = unflatten(self._structure, wide)
        options = dict(zip(self.options, values[self.count :], strict=True))
        try:
            with keeping_copies():  # code for plain arrays may overwrite what it has used
                found = record(function, values[: self.count], options)
        except _NOT_RECORDED as problem:
            self.unrecorded = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
            return None
        if len(found.outputs) != 1:
            return None
        leading = _leading(found)
        unknown = next(filter(None, map(_without_derivative, leading.steps)), None)
        if unknown is not None:
            self.unrecorded = unknown.splitlines()[0]
            return None
        return leading

    def eps(self, name: str) -> float:
        """The spacing at 1 of the numbers of an argument."""
        place = self.names.index(name)
        leaf, template = self.leaves[place], self.templates[place]
        told = spacing_of(template) if is_foreign(template) else None
        if told is not None:
            return told
        return float(np.finfo(leaf.dtype).eps) if _kind(leaf) in "fc" else 2.0**-52


def _without_derivative(step: Step) -> str | None:
    """Why a step has no derivative with respect to something that it depends on, if that is so."""
    if step.operation is None or not step.is_tracked:
        return None
    rules = [step.operation.rule(k) for k, argument in enumerate(step.arguments) if argument.is_tracked]
    return next((rule.reason for rule in rules if isinstance(rule, Undefined)), None)


def _leading(computation: Computation) -> Computation:
    """What led to the output: a function may go on, and compute the very gradient that is claimed."""
    needed = {*computation.outputs, *computation.inputs.values()}
    for step in reversed(computation.steps):
        if step in needed:
            needed.update(step.arguments)
    return replace(computation, steps=tuple([step for step in computation.steps if step in needed]))


def _kind(leaf: Any) -> str:
    return leaf.dtype.kind if isinstance(leaf, np.ndarray) else "O"


def _is_numeric(leaf: Any) -> bool:
    if isinstance(leaf, bool | str | bytes) or leaf is None:
        return False
    return isinstance(leaf, int | float | complex | np.ndarray | np.generic) or hasattr(leaf, "shape")


@dataclass(eq=False)
class Run:
    """One run of the function. ``upstream`` is the cotangent of the result; None where the result is one number."""

    subject: Subject
    leaves: Sequence[Any]
    out: Array
    upstream: Array | None
    computation: Computation | None

    def __post_init__(self) -> None:
        self._jacobians: dict[str, tuple[Array, float]] = {}

    @property
    def seed(self) -> Array:
        """The cotangent of the result."""
        return np.ones(self.out.shape) if self.upstream is None else np.asarray(self.upstream)

    def step(self, name: str) -> Step:
        """The input of an argument."""
        assert self.computation is not None
        return self.computation.inputs[name]

    @cached_property
    def gradients(self) -> dict[str, Array]:
        """The true gradients by all real arguments, where the run was recorded."""
        assert self.computation is not None
        output, book = self.computation.output, self.computation.journal
        zeros = {name: np.zeros(step.shape) for name, step in self.computation.inputs.items()}
        if not output.is_tracked:
            return zeros
        root = book.tensor(output)
        vertices = {name: book.tensor(step).vertex for name, step in self.computation.inputs.items()}
        found = cotangents_of([root], [self.seed.astype(output.value.dtype)], list(vertices.values()), True)
        return {
            name: np.array(np.broadcast_to(found[vertex], zeros[name].shape)) if vertex in found else zeros[name]
            for name, vertex in vertices.items()
        }

    def gradient(self, name: str) -> tuple[Array, float]:
        """The true gradient by an argument, and how far off it may be beyond rounding."""
        if self.computation is not None:
            return self.gradients[name], 0.0
        jacobian, error = self.jacobian(name)
        weights = np.conj(self.seed)
        axes = self.out.ndim
        found = np.real(np.tensordot(weights, jacobian, axes=(range(axes), range(axes))))
        slack = error * float(np.sum(np.abs(weights)))
        if self.leaf(name).dtype.kind == "c":
            return found[..., 0] + 1j * found[..., 1], slack
        return np.asarray(found), slack

    def leaf(self, name: str) -> Array:
        """The value of an argument."""
        return np.asarray(self.leaves[self.subject.names.index(name)])

    def with_leaf(self, name: str, value: Any) -> Array:
        """The result with another value of an argument."""
        place = self.subject.names.index(name)
        return self.subject.call([*self.leaves[:place], value, *self.leaves[place + 1 :]])

    def jacobian(self, name: str) -> tuple[Array, float]:
        """∂result/∂argument by differences, and how far off an entry may be."""
        found = self._jacobians.get(name)
        if found is None:
            function = partial(self.with_leaf, name)
            found = self._jacobians[name] = jacobian_by_differences(function, self.leaf(name), self.subject.eps(name))
        return found

    @cached_property
    def measured(self) -> Computation | None:
        """The function as one step, with the Jacobians that have been measured; None where it is not real."""
        known = {name: self._jacobians[name] for name in self._jacobians if self.leaf(name).dtype.kind == "f"}
        if not known or self.out.dtype.kind == "c":
            return None

        def call(values: Mapping[str, Array]) -> Array:
            leaves = [values.get(name, leaf) for name, leaf in zip(self.subject.names, self.leaves, strict=True)]
            return self.subject.call(leaves)

        return measured(call, {name: self.leaf(name) for name in known}, self.out, known)
