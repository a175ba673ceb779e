"""``nn.Module`` and the containers of modules."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

from chainrule.errors import StandInRuntimeError, StandInTypeError, StandInValueError
from chainrule.torch.autograd.gradients import no_grad
from chainrule.torch.messages import absent
from chainrule.torch.nn.parameter import Parameter
from chainrule.torch.recording import overwrite
from chainrule.torch.tensors import Tensor

__all__ = ["Module"]


class Module:
    """A function with parameters: subclass it, make layers in ``__init__``, compute in ``forward``."""

    __module__ = "torch.nn.modules.module"
    training: bool

    def __init__(self, *arguments: Any, **options: Any) -> None:
        for name in ("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks"):
            object.__setattr__(self, name, {})
        object.__setattr__(self, "training", True)

    def forward(self, *arguments: Any, **options: Any) -> Any:
        """What the module computes."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        for hook in tuple(self._forward_pre_hooks.values()):
            changed = hook(self, arguments)
            if changed is not None:
                arguments = changed if isinstance(changed, tuple) else (changed,)
        result = self.forward(*arguments, **options)
        for hook in tuple(self._forward_hooks.values()):
            changed = hook(self, arguments, result)
            if changed is not None:
                result = changed
        return result

    # --- attributes: parameters, buffers and modules are kept apart ---

    def __setattr__(self, name: str, value: Any) -> None:
        registries = self.__dict__
        if "_parameters" not in registries and isinstance(value, Parameter | Module):
            kind = "parameters" if isinstance(value, Parameter) else "module"
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if isinstance(value, Parameter):
            self._forget(name)
            self._parameters[name] = value
        elif isinstance(value, Module):
            self._forget(name)
            self._modules[name] = value
        elif name in registries.get("_parameters", ()):
            if value is not None:
                raise StandInTypeError(
                    f"cannot assign '{type_name(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)\n"
                    "Wrap it: torch.nn.Parameter(value), or change the numbers under torch.no_grad()."
                )
            self._parameters[name] = None
        elif name in registries.get("_buffers", ()):
            self._buffers[name] = value
        elif name in registries.get("_modules", ()):
            self._modules[name] = value
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str) -> None:
        self.__dict__.pop(name, None)
        for registry in (self._parameters, self._buffers, self._modules):
            registry.pop(name, None)

    def __getattr__(self, name: str) -> Any:
        for registry in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(registry)
            if found is not None and name in found:
                return found[name]
        known = [*dir(type(self)), *self.__dict__]
        for registry in ("_parameters", "_buffers", "_modules"):
            known += self.__dict__.get(registry, ())
        raise absent(f"'{type(self).__name__}' object has no attribute '{name}'", name, known)

    def __delattr__(self, name: str) -> None:
        for registry in (self._parameters, self._buffers, self._modules):
            if name in registry:
                del registry[name]
                return
        object.__delattr__(self, name)

    def register_parameter(self, name: str, param: Any) -> None:
        """Make a parameter an attribute; None says that there is none."""
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Keep a tensor that is not learned."""
        self._buffers[name] = tensor

    def add_module(self, name: str, module: Any) -> None:
        """Make a module an attribute."""
        self._modules[name] = module

    register_module = add_module

    def register_forward_hook(self, hook: Callable[..., Any], **options: Any) -> Any:
        """Call ``hook(module, arguments, result)`` after each run."""
        return Hook(self._forward_hooks, hook)

    def register_forward_pre_hook(self, hook: Callable[..., Any], **options: Any) -> Any:
        """Call ``hook(module, arguments)`` before each run."""
        return Hook(self._forward_pre_hooks, hook)

    # --- going through them ---

    def named_modules(self, memo: set[Any] | None = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """This module and all inside, with their names."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Any]:
        """This module and all inside."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """The modules directly inside, with their names."""
        return iter([(name, module) for name, module in self._modules.items() if module is not None])

    def children(self) -> Iterator[Any]:
        """The modules directly inside."""
        return (module for _, module in self.named_children())

    def _named(self, registry: str, prefix: str, recurse: bool) -> Iterator[tuple[str, Any]]:
        seen: set[Any] = set()
        for place, module in self.named_modules(prefix=prefix) if recurse else [(prefix, self)]:
            for name, tensor in getattr(module, registry).items():
                if tensor is not None and tensor not in seen:
                    seen.add(tensor)
                    yield (f"{place}.{name}" if place else name), tensor

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Any]]:
        """All parameters with their names."""
        return self._named("_parameters", prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """All parameters."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Any]]:
        """All buffers with their names."""
        return self._named("_buffers", prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Any]:
        """All buffers."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Any:
        """The module at a dotted name."""
        found: Any = self
        for part in target.split(".") if target else ():
            found = getattr(found, part)
        return found

    def get_parameter(self, target: str) -> Any:
        """The parameter at a dotted name."""
        place, _, name = target.rpartition(".")
        return getattr(self.get_submodule(place), name)

    # --- changing all of it ---

    def apply(self, function: Callable[[Any], Any]) -> Self:
        """Call a function with every module inside and this one."""
        for module in self.children():
            module.apply(function)
        function(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Say that it is being trained: dropout drops, batch normalisation uses the batch."""
        if not isinstance(mode, bool):
            raise StandInValueError("training mode is expected to be boolean")
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Self:
        """Say that it is being used, not trained."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for gradients of all parameters, or no longer."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or set them to zero."""
        for parameter in self.parameters():
            if parameter._grad is not None:
                if set_to_none:
                    parameter.grad = None
                else:
                    parameter._grad = parameter._grad.detach() * 0

    def to(self, *arguments: Any, **options: Any) -> Self:
        """Convert all parameters and buffers: ``to(torch.float64)``."""
        for module in self.modules():
            for registry in (module._parameters, module._buffers):
                for name, tensor in registry.items():
                    if tensor is not None and tensor.is_floating_point():
                        converted = tensor.detach().to(*arguments, **options)
                        if isinstance(tensor, Parameter):
                            tensor.value = converted.value
                        else:
                            registry[name] = converted
        return self

    def double(self) -> Self:
        """All parameters and buffers as float64."""
        return self.to(float)

    def float(self) -> Self:
        """All parameters and buffers as float32."""
        return self.to("cpu", dtype=Tensor([0.0]).float().dtype)

    def cpu(self) -> Self:
        """Itself: it is on the processor."""
        return self

    def cuda(self, *arguments: Any) -> Self:
        """Not possible: there is no graphics card here."""
        Tensor([0.0]).cuda()
        return self

    # --- saving ---

    def state_dict(self, *arguments: Any, prefix: str = "", **options: Any) -> Any:
        """All parameters and buffers by name, detached and shared."""
        found: OrderedDict[str, Any] = OrderedDict()
        for place, module in self.named_modules():
            for registry in (module._parameters, module._buffers):
                for name, tensor in registry.items():
                    if tensor is not None:
                        found[prefix + (f"{place}.{name}" if place else name)] = tensor.detach()
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copy values into the parameters and buffers of these names."""
        own = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        problems = []
        if strict and unexpected:
            names = ", ".join(f'"{name}"' for name in unexpected)
            problems.append(f"Unexpected key(s) in state_dict: {names}. ")
        if strict and missing:
            names = ", ".join(f'"{name}"' for name in missing)
            problems.append(f"Missing key(s) in state_dict: {names}. ")
        for name, tensor in own.items():
            given = state_dict.get(name)
            if given is None:
                continue
            if given.value.shape != tensor.value.shape:
                problems.append(
                    f"size mismatch for {name}: copying a param with shape {given.shape} from checkpoint, the shape "
                    "in current "
                    f"model is {tensor.shape}."
                )
            else:
                with no_grad():
                    overwrite(tensor, given.detach().to(tensor.dtype))
        if problems:
            raise StandInRuntimeError(
                "Error(s) in loading state_dict for {}:\n\t{}".format(type(self).__name__, "\n\t".join(problems))
            )
        return LoadedKeys(missing, unexpected)

    # --- how it looks ---

    def extra_repr(self) -> str:
        """What stands in the brackets after its name."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        inside = self.extra_repr()
        lines = [f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()]
        if not lines:
            return f"{self._get_name()}({inside})"
        return f"{self._get_name()}(\n  " + (inside + "\n  " if inside else "") + "\n  ".join(lines) + "\n)"

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})


class LoadedKeys(tuple[Any, Any]):
    """Which names of a state were missing or unexpected."""

    __slots__ = ()

    def __new__(cls, missing: list[str], unexpected: list[str]) -> LoadedKeys:
        """Both lists."""
        return super().__new__(cls, (missing, unexpected))

    @property
    def missing_keys(self) -> list[str]:
        """Names that were not given."""
        return list(self[0])

    @property
    def unexpected_keys(self) -> list[str]:
        """Names that are not there."""
        return list(self[1])

    def __repr__(self) -> str:
        if not self[0] and not self[1]:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self[0]}, unexpected_keys={self[1]})"


class Hook:
    """A hook of a module; ``remove()`` takes it away."""

    _numbers = itertools.count()

    def __init__(self, registry: dict[int, Any], hook: Any) -> None:
        self.registry = registry
        self.number = next(self._numbers)
        registry[self.number] = hook

    def remove(self) -> None:
        """Take the hook away."""
        self.registry.pop(self.number, None)


def type_name(value: Any) -> str:
    """A type's name with its module, as messages have it."""
    if isinstance(value, Tensor):
        return str(value.type())
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
