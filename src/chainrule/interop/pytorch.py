"""Watches PyTorch while a notebook runs, so that its gradients can be checked; only here is PyTorch imported."""

from __future__ import annotations

import contextlib
import importlib
import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from chainrule.check.verdicts.compare import Truth, Value
from chainrule.check.watching.backend import Observer, note_functions, note_transforms, replace_while

__all__ = ["PyTorch"]

Array = np.ndarray[Any, np.dtype[Any]]
LARGEST = 2_000_000  # entries of a Jacobian that is compared
LARGEST_ROWS = 4096
PROBES = 8  # random directions in which rounding is imitated; fewer may all cancel in some element
STEP = 2.0**-10
FREED = "chainrule_freed"  # in a node's metadata: PyTorch would have freed it
VALUE = "chainrule_value"  # and the result that it made
AGAIN = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been"
    " freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify"
    " retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors"
    " after calling backward."
)


class PyTorch:
    """The real PyTorch, as a check sees it.

    While it watches, every graph is kept, so that derivatives can still be taken after `backward`; a second
    `backward` through a graph that would have been freed raises the error that it would have raised.
    """

    name = "torch"

    def __init__(self) -> None:
        self.torch: ModuleType = importlib.import_module("torch")
        self._overrides: ModuleType = importlib.import_module("torch.overrides")
        self._graph: ModuleType = importlib.import_module("torch.autograd.graph")
        self._retained: weakref.WeakSet[Any] = weakref.WeakSet()
        self._asking = False
        self._saved_names: dict[type, list[str]] = {}
        self._engine = self.torch.autograd.backward

    def owns(self, value: object) -> bool:
        """Whether ``value`` is a torch.Tensor."""
        return isinstance(value, self.torch.Tensor)

    def array(self, tensor: Any) -> tuple[Array, str, float]:
        """The numbers as a NumPy array in double precision where NumPy has no such dtype."""
        with self._aside():
            dtype = tensor.dtype
            plain = tensor.detach().cpu()
            if plain.is_sparse:
                plain = plain.to_dense()
            plain = plain.resolve_conj().resolve_neg()
            if dtype in (self.torch.bfloat16, self.torch.float16):
                plain = plain.to(self.torch.float64)
            floating = dtype.is_floating_point or dtype.is_complex
            eps = float(self.torch.finfo(dtype).eps) if floating else 2.0**-52
            return np.array(plain.numpy(), copy=True), str(dtype).removeprefix("torch."), eps

    def tracked(self, tensor: Any) -> bool:
        """Whether it requires grad."""
        with self._aside():
            return bool(tensor.requires_grad)

    def leaf(self, tensor: Any) -> bool:
        """Whether it is a leaf."""
        with self._aside():
            return bool(tensor.is_leaf)

    def leaves(self, output: Any) -> Sequence[Any]:
        """The leaves below ``output`` that require grad."""
        with self._aside():
            return [node.variable for node in self._nodes(output) if hasattr(node, "variable")]

    def seed(self, number: int) -> None:
        """Seed PyTorch's random numbers."""
        self.torch.manual_seed(number)

    @contextlib.contextmanager
    def watch(self, observer: Observer) -> Iterator[None]:
        """See every operation through a torch-function mode."""
        backend = self

        class Watch(self._overrides.TorchFunctionMode):  # type: ignore[name-defined,misc]
            def __torch_function__(
                self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
            ) -> Any:
                return backend._happens(observer, function, args, kwargs or {})

        with contextlib.ExitStack() as undo:
            self._patch(undo, observer)
            undo.enter_context(Watch())
            yield

    # -- what happens while watching ----------------------------------------------------------------------------------

    def _happens(self, observer: Observer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._asking:
            return function(*args, **kwargs)
        name = getattr(function, "__name__", "")
        if name == "__get__":
            name = getattr(getattr(function, "__self__", None), "__name__", name)
        if name == "register_hook" and len(args) == 2:
            args = (args[0], self._quiet(args[1]))
        if function is self.torch.Tensor.backward:
            return self._backward(observer, *args, **kwargs)
        if function is self.torch.autograd.grad:
            return self._grad(observer, *args, **kwargs)
        result = function(*args, **kwargs)
        if name == "retain_grad":
            self._retained.add(args[0])
        if name == "grad" and result is None:
            return result
        self._note_value(result)
        observer(name, (*args, *kwargs.values()), result)
        return result

    def _quiet(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """A user's hook runs for the user's own passes only."""

        def heard(*arguments: Any) -> Any:
            return None if self._asking else hook(*arguments)

        return heard

    def _patch(self, undo: contextlib.ExitStack, observer: Observer) -> None:
        """Functions that no torch-function mode sees."""
        autograd = self.torch.autograd

        def backward(tensors: Any, grad_tensors: Any = None, *args: Any, **kwargs: Any) -> None:
            roots = [tensors] if self.owns(tensors) else list(tensors)
            cotangents = [grad_tensors] if self.owns(grad_tensors) else list(grad_tensors or [None] * len(roots))
            for root, cotangent in zip(roots, cotangents, strict=True):
                root.backward(cotangent, *args, **kwargs)

        replace_while(undo, autograd, "backward", backward)
        note_functions(undo, observer, autograd.functional, ("jacobian", "hessian", "vjp", "jvp", "hvp", "vhp"))
        note_functions(undo, observer, self.torch.func, ("vjp", "jvp"))
        transforms = {"grad": None, "grad_and_value": 0, "jacrev": None, "jacfwd": None, "hessian": None}
        note_transforms(undo, observer, self.torch.func, transforms)

    def _backward(
        self,
        observer: Observer,
        tensor: Any,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        self._refuse_freed([tensor])
        # PyTorch's own, by its first name: `torch.autograd.backward` is ours while watching
        self._engine(tensor, gradient, True, create_graph, inputs=inputs)
        if not (create_graph if retain_graph is None else retain_graph):
            self._free([tensor])
        observer("backward", (tensor, gradient), None)

    def _grad(self, observer: Observer, outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        names = ("grad_outputs", "retain_graph", "create_graph", "only_inputs", "allow_unused", "is_grads_batched")
        options = dict(zip(names, args, strict=False)) | kwargs
        create = bool(options.get("create_graph", False))
        keep = options.get("retain_graph")
        roots = [outputs] if self.owns(outputs) else list(outputs)
        self._refuse_freed(roots)
        result = self.torch.autograd.grad(outputs, inputs, **(options | {"retain_graph": True}))
        if not (create if keep is None else keep):
            self._free(roots)
        batched = bool(options.get("is_grads_batched", False))
        observer("derivative" if batched else "gradient", (outputs, inputs, options.get("grad_outputs")), result)
        return result

    def _refuse_freed(self, roots: Sequence[Any]) -> None:
        for root in roots:
            for node in self._nodes(root):
                if FREED in node.metadata:
                    raise RuntimeError(AGAIN)

    def _free(self, roots: Sequence[Any]) -> None:
        """Mark what PyTorch would have freed: the nodes that keep tensors."""
        for root in roots:
            for node in self._nodes(root):
                if not hasattr(node, "variable") and self._keeps_tensors(node):
                    node.metadata[FREED] = True

    def _keeps_tensors(self, node: Any) -> bool:
        kind = type(node)
        if kind not in self._saved_names:
            self._saved_names[kind] = [name for name in dir(node) if name.startswith("_saved_")]
        saved = (getattr(node, name, None) for name in self._saved_names[kind])
        return any(
            self.owns(item) for value in saved for item in (value if isinstance(value, tuple | list) else (value,))
        ) or hasattr(node, "saved_tensors")

    def is_by_hand(self, output: Any) -> bool:
        """Whether a derivative that the user wrote is on the way to ``output``."""
        written = self.torch.autograd.function.BackwardCFunction
        return any(isinstance(node, written) for node in self._nodes(output))

    @staticmethod
    def _nodes(output: Any) -> list[Any]:
        """Every node of the graph below an output, each once."""
        stack, seen, found = [output.grad_fn], set(), []
        while stack:
            node = stack.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            found.append(node)
            stack.extend(following for following, _ in node.next_functions)
        return found

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Ask PyTorch something without the notebook noticing: not watched, its retained gradients as they were."""
        before = self._asking
        self._asking = True
        try:
            yield
        finally:
            self._asking = before

    @contextlib.contextmanager
    def _untouched(self) -> Iterator[None]:
        with self._aside(), self.torch.enable_grad():
            kept = [
                (tensor, tensor.grad, None if tensor.grad is None else tensor.grad.clone()) for tensor in self._retained
            ]
            try:
                yield
            finally:
                for tensor, gradient, numbers in kept:
                    if gradient is not None:
                        with self.torch.no_grad():
                            gradient.copy_(numbers)
                    tensor.grad = gradient

    # -- derivatives --------------------------------------------------------------------------------------------------

    def derivative(self, output: Any, argument: Any) -> Truth | None:
        """∂output/∂argument, a row at a time through the graph that is there."""
        with self._untouched():
            rows, columns = tuple(output.shape), tuple(argument.shape)
            if output.numel() > LARGEST_ROWS or output.numel() * argument.numel() > LARGEST:
                return None
            if output is argument:
                return self._truth(
                    self.torch.eye(output.numel(), dtype=output.dtype).reshape(rows + columns), rows, columns
                )
            if not output.requires_grad or not argument.requires_grad:
                return None
            gradients = []
            for number in range(output.numel()):
                unit = self.torch.zeros_like(output).reshape(-1)
                unit[number] = 1
                gradient = self._pull(output, unit.reshape(output.shape), argument)
                if gradient is None:
                    return None
                gradients.append(gradient.detach())
            stacked = self.torch.stack(gradients) if gradients else self.torch.zeros((0, *columns))
            return self._truth(stacked.reshape(rows + columns), rows, columns)

    def _truth(self, tensor: Any, rows: tuple[int, ...], columns: tuple[int, ...]) -> Truth:
        array, dtype, eps = self.array(tensor)
        return Truth(
            Value(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64), eps, dtype), rows, columns
        )

    def _pull(self, output: Any, cotangent: Any, argument: Any, create_graph: bool = False) -> Any:
        try:
            (gradient,) = self.torch.autograd.grad(
                output, argument, cotangent, retain_graph=True, create_graph=create_graph, allow_unused=True
            )
        except RuntimeError:  # a value was overwritten, or a function has no derivative of this kind
            return None
        return gradient

    def loss(self, output: Any, cotangent: Any, argument: Any, off: Array | None = None) -> Array | None:
        """Imitate rounding: of every gradient on the way back, and of the leaves by the derivative's derivative."""
        with self._untouched():
            if cotangent is None:
                cotangent = self.torch.ones_like(output)
            nodes = self._nodes(output)
            if not nodes or len(nodes) > 20_000:
                return None
            exact = self._pull(output, cotangent, argument)
            if exact is None:
                return None
            lost = self._lost_backward(output, cotangent, argument, nodes, exact)
            forward = self._lost_forward(output, cotangent, argument)
            longest = max([exact.numel(), output.numel(), *(leaf.numel() for leaf in self.leaves(output))])
            growth = math.sqrt(len(nodes) + math.log2(longest + 1))
            combined: Array = growth * (lost if forward is None else lost + forward)
            return combined if np.isfinite(combined).all() else None

    def _lost_backward(self, output: Any, cotangent: Any, argument: Any, nodes: list[Any], exact: Any) -> Array:
        generator = self.torch.Generator().manual_seed(0)

        def jitter(gradients: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(
                gradient
                if gradient is None or not gradient.is_floating_point()
                else gradient * (1 + STEP * self._signs(gradient, generator))
                for gradient in gradients
            )

        handles = [node.register_prehook(jitter) for node in nodes]
        try:
            total = np.zeros(tuple(exact.shape))
            for _ in range(PROBES):
                moved = self._pull(output, cotangent, argument)
                total += self.array((moved - exact).abs().to(self.torch.float64) / STEP)[0]
            return total / PROBES
        finally:
            for handle in handles:
                handle.remove()

    def _lost_forward(self, output: Any, cotangent: Any, argument: Any) -> Array | None:
        """How the gradient moves when each leaf and each result on the way is rounded, by its own derivative.

        The derivative of the gradient, transposed (with weights that are themselves tracked) and transposed again, is
        applied to random directions of the size of the values.
        """
        gradient = self._pull(output, cotangent, argument, create_graph=True)
        if gradient is None or gradient.grad_fn is None:
            return None
        generator = self.torch.Generator().manual_seed(1)
        weights = self.torch.zeros_like(gradient, requires_grad=True)
        places, values = self._places(output)
        try:
            pulled = self.torch.autograd.grad(gradient, places, weights, create_graph=True, allow_unused=True)
            through = [
                (item, value)
                for item, value in zip(pulled, values, strict=True)
                if item is not None and item.requires_grad
            ]
            if not through:
                return None
            total = np.zeros(tuple(gradient.shape))
            for _ in range(PROBES):
                directions = [value * self._signs(value, generator) for _, value in through]
                (moved,) = self.torch.autograd.grad(
                    [item for item, _ in through], weights, directions, retain_graph=True, allow_unused=True
                )
                if moved is None:
                    return None
                total += np.abs(self.array(moved)[0].astype(np.float64))
            return total / PROBES
        except RuntimeError:
            return None

    def given(self, output: Any, cotangent: Any, argument: Any, known: Sequence[tuple[Any, Array]]) -> Array | None:
        """The gradient by ``argument`` if those by the tensors in ``known`` were as they are said to be."""
        with self._untouched():
            handles = []
            try:
                for tensor, array in known:
                    if tensor.grad_fn is not None:
                        held = self.torch.as_tensor(array, dtype=tensor.dtype).reshape(tensor.shape)
                        handles.append(tensor.register_hook(lambda gradient, held=held: held))
                gradient = self._pull(output, cotangent, argument)
            finally:
                for handle in handles:
                    handle.remove()
            return None if gradient is None else self.array(gradient.detach())[0].astype(np.float64)

    def bind(self, name: str, value: Any, lent: bool = False) -> None:
        """Nothing: what PyTorch computed is not retold."""

    def guard(self, output: Any) -> float:
        """Nothing is known of constants."""
        return 0.0

    def name_of(self, tensor: Any) -> str:
        """Nothing, likewise."""
        return ""

    def computation(self, output: Any, scope: Mapping[str, Any]) -> None:
        """None: PyTorch's graph does not keep what its operations computed."""

    def _places(self, output: Any) -> tuple[list[Any], list[Any]]:
        """The leaves and the intermediate results below ``output``, as PyTorch differentiates by them, and values."""
        places, values = [], []
        for node in self._nodes(output):
            if hasattr(node, "variable"):
                if node.variable.is_floating_point():
                    places.append(node.variable)
                    values.append(node.variable.detach())
            elif VALUE in node.metadata:
                number, value = node.metadata[VALUE]
                places.append(self._graph.GradientEdge(node, number))
                values.append(value)
        return places, values

    def _note_value(self, result: Any) -> None:
        """Keep what an operation computed with its node, for as long as that lives."""
        if self.owns(result) and result.grad_fn is not None and result.is_floating_point():
            result.grad_fn.metadata[VALUE] = (result.output_nr, result.detach())

    def _signs(self, tensor: Any, generator: Any) -> Any:
        signs = self.torch.randint(0, 2, tuple(tensor.shape), generator=generator)
        return (2 * signs - 1).to(tensor.dtype)
