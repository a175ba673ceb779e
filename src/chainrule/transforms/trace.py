"""One recorded run of a function: fresh leaves in, vertices of the result out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from chainrule.as_written import Functions, as_written, instead_of, is_as_written, tried
from chainrule.backward import check_fits, owned
from chainrule.errors import AssignmentError, DtypeError, GradientError, HolomorphicError
from chainrule.linear.jacobian import Jacobian
from chainrule.linear.term import Term, pattern
from chainrule.ops.elementwise import astype, identity
from chainrule.program.accumulate import check_holomorphic, jacobian_terms
from chainrule.program.deferred import Deferred, UnrecordableError
from chainrule.program.node import NO_PARAMS, Node, written
from chainrule.program.recording import recordings
from chainrule.program.sweep import pullback, pushforward, schedule
from chainrule.tape import keeping_copies, make_node, plain_array, record, set_enabled, tracing
from chainrule.tensor import Tensor, check_differentiable, wrap
from chainrule.transforms.guard import Reads
from chainrule.transforms.transplant import with_tensors
from chainrule.transforms.trees import flatten, map_tree, unflatten

__all__ = ["Trace", "chosen", "plain_or_tensor", "with_own_points"]


def chosen(argnums: int | Sequence[int], arguments: Sequence[Any], name: str) -> tuple[list[int], bool]:
    """The positions that ``argnums`` names, checked, and whether it was a single number."""
    single = isinstance(argnums, int | np.integer)
    positions = [argnums] if single else list(argnums)  # type: ignore[arg-type]
    for position in positions:
        if not isinstance(position, int | np.integer) or not -len(arguments) <= position < len(arguments):
            raise GradientError(
                f"{name}: argnums={argnums!r} names argument {position!r}, but the function was called with "
                f"{len(arguments)} positional argument{'s' * (len(arguments) != 1)}."
            )
    return [int(position) % len(arguments) for position in positions], single  # type: ignore[arg-type]


def with_own_points(arguments: Sequence[Any], argnums: int | Sequence[int], name: str) -> list[Any]:
    """The arguments with copies of the arrays that derivatives are taken at: what is kept of them stays as it is."""
    own = list(arguments)
    for position in chosen(argnums, arguments, name)[0]:
        own[position] = map_tree(lambda leaf: leaf.copy(order="K") if type(leaf) is np.ndarray else leaf, own[position])
    return own


def fresh(value: Any, where: str) -> Tensor:
    """A tensor at which differentiation starts; if the value is itself tracked, connected to where it came from."""
    if isinstance(value, Tensor):
        kind = type(value)
        check_differentiable(np.dtype(value.value.dtype))
        vertex = value.vertex
        node, shape = None, value.value.shape
        if vertex is not None:
            node = make_node(identity, (vertex,), (value.value,), value.value, (shape,), NO_PARAMS, 0b11)
        made = kind(value.value, node, True)
        made.is_array = value.is_array
        return made
    if isinstance(value, bool | int | np.integer | np.bool_) or (
        isinstance(value, np.ndarray) and value.dtype.kind in "iub"
    ):
        kind_name = value.dtype if isinstance(value, np.ndarray | np.generic) else type(value).__name__
        raise DtypeError(
            f"{where}: cannot differentiate with respect to integers ({kind_name}): a derivative needs real numbers. "
            "Pass 2.0 instead of 2, or x.astype(float)."
        )
    array = plain_array(value, where)
    if array.dtype.kind not in "fc":
        raise DtypeError(f"{where}: cannot differentiate with respect to {type(value).__name__} {value!r:.60}")
    check_differentiable(array.dtype)
    made = Tensor(array, None, True)
    made.is_array = isinstance(value, np.ndarray)
    return made


def seed(value: Any, dtype: Any, recorded: bool) -> Any:
    """A cotangent or tangent to start a sweep from: a plain array, or a tensor if the sweep is recorded."""
    if recorded and isinstance(value, Tensor):
        check_fits(value.value.dtype, dtype)
        cast = value if value.value.dtype == dtype else record(astype, (value,), {"dtype": dtype})
        return Tensor(cast.value, cast.vertex, cast.vertex is not None)
    plain = value.value if isinstance(value, Tensor) else value
    if type(plain) is not Deferred:
        plain = np.asarray(plain)
    check_fits(plain.dtype, dtype)
    if plain.dtype != dtype:
        plain = plain.astype(dtype)
    return Tensor(plain) if recorded else plain


def plain_or_tensor(value: Any, like: Any) -> Any:
    """A result in the user's terms: a tensor if it is still tracked or came from tensors, else an array or number."""
    if isinstance(value, Tensor) and (value.requires_grad or isinstance(like, Tensor)):
        return value
    array = value.value if isinstance(value, Tensor) else value
    return (
        array[()] if isinstance(array, np.ndarray) and array.ndim == 0 and not isinstance(like, np.ndarray) else array
    )


def _to_be_written(leaf: Any) -> Any:
    """An argument that code may write to."""
    if isinstance(leaf, Tensor) and leaf.requires_grad:
        made: Any = np.copy(leaf)
        made.is_array = leaf.is_array
        return made
    return Tensor(leaf) if type(leaf) is np.ndarray and leaf.dtype.kind in "fc" else leaf


_reading_tensors = Functions()
"""Those that took tensors where they read plain arrays, of which C's methods do not know, and would not run else."""


def _with_tensors(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Such a function; None where there are no arrays outside, or where the code might change what it reads."""
    reads = Reads(function)
    return with_tensors(function, reads) if reads.problem is None else None


class _Running:
    """Whether the function of a trace is running: its leaves know this, and not the trace, which knows them."""

    __slots__ = ("is_on",)

    def __init__(self) -> None:
        self.is_on = True


class Trace:
    """``function(*arguments)`` run once, recorded from fresh leaves at the positions ``argnums``.

    If it makes plain arrays of tracked numbers, it is run again such that those are tensors; if it overwrites what
    derivatives need, as code that works in place does, it is run again with copies kept of that.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        options: dict[str, Any],
        argnums: int | Sequence[int],
        has_aux: bool,
        name: str,
    ) -> None:
        self.name = name
        self.positions, self.single = chosen(argnums, arguments, name)
        function = instead_of(function)
        needs_it = False

        def run() -> None:
            nonlocal needs_it
            needs_it = is_as_written()
            self._note(self._run(function, arguments, options, name), has_aux, name)

        if function in _reading_tensors:
            function = _with_tensors(function) or function
        try:
            tried(function, run)
        except AssignmentError:
            own, other = function, None if recordings or is_as_written() else _with_tensors(function)
            if other is None:
                raise
            function = other
            tried(function, run)
            _reading_tensors.add(own)
        if self.overwrites and recordings:
            raise UnrecordableError("it overwrites an array that it has used")
        if self.overwrites or (written and any([node.is_overwritten() for node in self.nodes])):
            with keeping_copies(), as_written(function) if needs_it else nullcontext():
                run()

    def _run(self, function: Callable[..., Any], arguments: Sequence[Any], options: dict[str, Any], name: str) -> Any:
        """What the function returns of fresh leaves."""
        self.given: list[Any] = []  # the leaves as the user gave them
        self.inputs: list[Tensor] = []
        self.structures: list[Any] = []
        self.counts: list[int] = []
        called, running = list(arguments), _Running()
        for position in self.positions:
            leaves, structure = flatten(arguments[position])
            tensors = [fresh(leaf, f"{name}, argument {position}") for leaf in leaves]
            for tensor in tensors:
                tensor.starts = running
                if type(tensor.value) is Deferred:
                    tensor.value.is_point = True
            self.given += leaves
            self.inputs += tensors
            self.structures.append(structure)
            self.counts.append(len(leaves))
            called[position] = unflatten(structure, tensors)
        self.mine = {id(tensor) for tensor in self.inputs}
        if is_as_written():  # code may overwrite its arguments, and fill those that are not differentiated
            called = [map_tree(_to_be_written, argument) for argument in called]
        before = set_enabled(True)
        try:
            with tracing() as watch:
                result = function(*called, **options)
            self.overwrites = watch.overwrites()  # plain arrays that it used
            return result
        except ValueError as problem:
            if isinstance(problem.__cause__, AssignmentError):  # NumPy replaces what __float__ raised
                raise problem.__cause__.with_traceback(problem.__traceback__) from None
            raise
        finally:
            running.is_on = False
            set_enabled(before)

    def _note(self, result: Any, has_aux: bool, name: str) -> None:
        """Note what the function returned, and what that depends on."""
        self.aux: Any = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise GradientError(
                    f"{name}: has_aux=True expects the function to return (value, aux), got {result!r:.80}"
                )
            result, aux = result
            self.aux = self.released(aux)
        self.outputs, self.result_structure = flatten(result)
        for output in self.outputs:
            if not isinstance(output, Tensor) and np.asarray(output).dtype.kind not in "fciub":
                raise DtypeError(
                    f"{name}: the function returned {type(output).__name__} {output!r:.60}, in which no derivative can "
                    "be seen; return an array, a number, or a tuple, list or dict of them (has_aux=True for all else)."
                )
        # If the result also depends on tracked values outside, derivatives must be recorded themselves.
        roots = [output.vertex for output in self.outputs if isinstance(output, Tensor)]
        self.nodes, self.tracks_other, self.ends_elsewhere = self.followed([root for root in roots if root is not None])

    def followed(self, roots: Sequence[Any]) -> tuple[list[Node], bool, bool]:
        """The nodes that ``roots`` depend on, and whether they start anywhere but at the inputs.

        Where a transform that has ended took its derivatives does not count; whether there is such a place comes last.
        """
        nodes, leaves = schedule(roots)
        elsewhere = False
        for leaf in leaves:
            if id(leaf) in self.mine:
                continue
            elsewhere = True
            if leaf.starts is None or leaf.starts.is_on:
                return nodes, True, True
        return nodes, False, elsewhere

    def released(self, tree: Any) -> Any:
        """A result of the function as the user sees it: untracked unless it depends on something outside."""
        leaves, structure = flatten(tree)
        return unflatten(structure, [self.show(leaf) for leaf in leaves])

    def show(self, leaf: Any) -> Any:
        """One result: without history that only concerns this trace."""
        if not isinstance(leaf, Tensor):
            return leaf
        if leaf.requires_grad and self.followed([leaf.vertex])[1]:
            return leaf
        return self.untracked(leaf)

    def untracked(self, leaf: Any) -> Any:
        """One result without history: a tensor where tensors were given, else an array or a number."""
        if not isinstance(leaf, Tensor):
            return leaf
        if any(isinstance(value, Tensor) for value in self.given):
            return leaf.detach()
        return plain_or_tensor(leaf.value, None)

    @property
    def value(self) -> Any:
        """The function's result."""
        show = self.show if self.tracks_other else self.untracked
        return unflatten(self.result_structure, [show(output) for output in self.outputs])

    def regroup(self, leaves: Sequence[Any]) -> Any:
        """One object for each leaf, in the containers of the arguments (not in a tuple for a single argnum)."""
        trees = []
        start = 0
        for structure, count in zip(self.structures, self.counts, strict=True):
            trees.append(unflatten(structure, leaves[start : start + count]))
            start += count
        return trees[0] if self.single else tuple(trees)

    def pull(self, cotangents: Sequence[Any]) -> list[Any]:
        """The cotangents of the inputs, given one for each output: in full, in the inputs' shapes and dtypes."""
        recorded = self.tracks_other or any(isinstance(c, Tensor) and c.requires_grad for c in cotangents)
        seeds = [
            (output.vertex, seed(cotangent, output.value.dtype, recorded))
            for output, cotangent in zip(self.outputs, cotangents, strict=True)
            if isinstance(output, Tensor) and output.vertex is not None
        ]
        with np.errstate(all="ignore"):
            if recorded:
                arrived = self._recorded(pullback, seeds, [tensor.vertex for tensor in self.inputs])
            elif self.ends_elsewhere:
                arrived = pullback(seeds, [tensor.vertex for tensor in self.inputs], nodes=self.nodes)
            else:  # every path ends at an input: nothing to leave out
                arrived = pullback(seeds, nodes=self.nodes)
        return [
            self.full(arrived.pop(tensor.vertex, None), tensor, given)
            for tensor, given in zip(self.inputs, self.given, strict=True)
        ]

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """The tangents of the outputs, given one for each input."""
        recorded = self.tracks_other or any(isinstance(t, Tensor) and t.requires_grad for t in tangents)
        seeds = {
            tensor.vertex: seed(tangent, tensor.value.dtype, recorded)
            for tensor, tangent in zip(self.inputs, tangents, strict=True)
        }
        roots = [output.vertex for output in self.outputs if isinstance(output, Tensor) and output.vertex is not None]
        with np.errstate(all="ignore"):
            arrived = self._recorded(pushforward, seeds, roots) if recorded else pushforward(seeds, roots)
        like = self.given[0] if self.given else None
        vertices = [output.vertex if isinstance(output, Tensor) else None for output in self.outputs]
        found = [arrived.get(vertex) for vertex in reversed(vertices)]
        arrived.clear()
        return [self.full(found.pop(), output, like) for output in self.outputs]

    @staticmethod
    def _recorded(sweep: Callable[..., Any], *arguments: Any) -> Any:
        before = set_enabled(True)
        try:
            return sweep(*arguments, wrap=wrap)
        finally:
            set_enabled(before)

    def full(self, found: Any, of: Any, like: Any) -> Any:
        """A cotangent or tangent in the shape of ``of``, with zeros where nothing arrived, in the user's terms.

        What is not tracked is in memory of its own: not the user's cotangent, a constant of the function, or another
        result.
        """
        shape = np.shape(of.value) if isinstance(of, Tensor) else np.shape(of)
        dtype = of.value.dtype if isinstance(of, Tensor) else np.asarray(of).dtype
        if found is None:
            found = np.zeros(shape, dtype)
        elif isinstance(found, Tensor) and found.requires_grad:
            return found if found.value.shape == shape else np.broadcast_to(found, shape)
        elif isinstance(found, Tensor):
            found = owned(found.value, shape)
        else:
            found = owned(found, shape)
        if found.dtype != dtype:
            found = found.astype(dtype)
        if isinstance(like, Tensor):
            return type(like)(found, None)
        return plain_or_tensor(found, like)

    @property
    def is_of_complex(self) -> bool:
        """Whether derivatives are with respect to complex numbers."""
        return any([tensor.value.dtype.kind == "c" for tensor in self.inputs])

    @property
    def has_complex_results(self) -> bool:
        """Whether a result is complex."""
        return any([np.iscomplexobj(getattr(output, "value", output)) for output in self.outputs])

    def check_holomorphic(self, is_wanted: bool) -> None:
        """Raise :class:`HolomorphicError` unless complex derivatives are wanted and every step has one."""
        if not is_wanted:
            raise HolomorphicError(UNWANTED.format(name=self.name))
        if not all([np.iscomplexobj(getattr(value, "value", value)) for value in (*self.inputs, *self.outputs)]):
            raise HolomorphicError(
                f"{self.name}: holomorphic=True is for complex arguments and complex results; leave it out for others."
            )
        check_holomorphic(self.nodes)

    def jacobians(self, output: Any, inputs: Sequence[Tensor]) -> list[Jacobian]:
        """The Jacobian of one output with respect to each of these inputs."""
        targets = [tensor.vertex for tensor in inputs]
        arrived: dict[Any, list[Term]] = {}
        if isinstance(output, Tensor) and output.vertex is not None:
            with np.errstate(all="ignore"):
                if self.tracks_other:
                    arrived = self._recorded(jacobian_terms, output.vertex, targets)
                else:
                    arrived = jacobian_terms(output.vertex, targets)
                    if not all([_is_finite(term) for terms in arrived.values() for term in terms]):
                        arrived = self._row_by_row(output, inputs) or arrived
        shape, dtype = np.shape(getattr(output, "value", output)), getattr(output, "dtype", np.dtype(float))
        return [
            Jacobian(arrived.get(target, []), shape, tensor.value.shape, np.result_type(dtype, tensor.value.dtype))
            for target, tensor in zip(targets, inputs, strict=True)
        ]

    @staticmethod
    def _row_by_row(output: Tensor, inputs: Sequence[Tensor]) -> dict[Any, list[Term]] | None:
        """The same by a sweep for each row, in which a path that is not taken passes nothing.

        Products of local Jacobians do not know that: 0 times what is not finite, in a branch that was not chosen.
        """
        shape, targets = output.value.shape, [tensor.vertex for tensor in inputs]
        if output.value.size > _ROWS or any([np.iscomplexobj(tensor.value) for tensor in (output, *inputs)]):
            return None
        units = np.eye(output.value.size, dtype=output.value.dtype).reshape(-1, *shape)
        rows = [pullback([(output.vertex, unit)], targets) for unit in units]
        found = {}
        for tensor, target in zip(inputs, targets, strict=True):
            own = tensor.value.shape
            array = np.stack([np.broadcast_to(row.get(target, 0.0), own) for row in rows]).reshape((*shape, *own))
            sizes = array.shape
            labels = [k if size > 1 else None for k, size in enumerate(sizes)]
            kept = tuple([k for k in labels if k is not None])
            made, names = pattern(sizes, labels[: len(shape)], labels[len(shape) :], [kept])
            order = sorted(range(len(kept)), key=lambda k: made.factors[0].labels.index(names[kept[k]]))
            found[target] = [Term(made, (np.transpose(array.reshape([sizes[k] for k in kept]), order),))]
        return found


UNWANTED = (
    "{name}: a derivative with respect to complex numbers, or of them, that is no gradient of a real result.\nFor "
    "complex derivatives of a holomorphic function ask grad or jacobian with holomorphic=True. Else take the real and "
    "the imaginary parts, of results (np.real, np.imag) and as arguments of their own: "
    "cr.{name}(lambda x, y: f(x + 1j * y), (0, 1))(z.real, z.imag). cr.vjp, cr.jvp and cr.hvp take complex numbers."
)
_ROWS = 512  # up to which a Jacobian that is not finite is looked at again, row by row


def _is_finite(term: Term) -> bool:
    """Whether the numbers of a term are finite, as far as there are any yet."""
    numbers = [factor for factor in term.factors if isinstance(factor, np.ndarray | np.generic | float)]
    return all([bool(np.isfinite(factor).all()) for factor in numbers])
