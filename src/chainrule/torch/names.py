"""The names of the package ``torch``, gathered: functions, dtypes, switches, and what is asked of the surroundings."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.torch import (
    complexes,
    construct,
    drawing,
    dtypes,
    environment,
    joining,
    ordering,
    picking,
    pointwise,
    printing,
    products,
    random,
    reducing,
    shaping,
)
from chainrule.torch import conversion as _conversion  # noqa: F401 - gives the class its methods
from chainrule.torch.autograd import gradients
from chainrule.torch.device import STRIDED, device, layout
from chainrule.torch.func import vmap
from chainrule.torch.generator import Generator
from chainrule.torch.size import Size
from chainrule.torch.tensors import Tensor

__all__ = ["NAMES"]


def is_tensor(obj: Any) -> bool:
    """Whether it is a tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Any) -> bool:
    """Whether its elements are real floating-point numbers."""
    return bool(input.is_floating_point())


def is_complex(input: Any) -> bool:
    """Whether its elements are complex numbers."""
    return bool(input.is_complex())


def numel(input: Any) -> int:
    """The number of elements."""
    return int(input.numel())


def detach(input: Any) -> Any:
    """The same value, not tracked."""
    return input.detach()


def save(obj: Any, f: Any) -> None:
    """Write an object to a file, by name or open, for `load`."""
    if hasattr(f, "write"):
        pickle.dump(obj, f)
    else:
        Path(f).write_bytes(pickle.dumps(obj))


def load(f: Any, map_location: Any = None, *, weights_only: bool | None = None) -> Any:
    """Read what `save` wrote: a pickle, so only from those one trusts."""
    return pickle.load(f) if hasattr(f, "read") else pickle.loads(Path(f).read_bytes())


_RANDOM = {name: getattr(random, name) for name in ("initial_seed", "manual_seed", "seed")}


def get_rng_state() -> Any:
    """The state of the random numbers, as a tensor of bytes."""
    return Tensor(random.get_rng_state(), None)


def set_rng_state(new_state: Any) -> None:
    """Go on from a state that `get_rng_state` gave."""
    random.set_rng_state(getattr(new_state, "value", new_state))


NAMES: dict[str, Any] = {
    **pointwise.FUNCTIONS,
    **complexes.FUNCTIONS,
    **shaping.FUNCTIONS,
    **joining.FUNCTIONS,
    **picking.FUNCTIONS,
    **reducing.FUNCTIONS,
    **ordering.FUNCTIONS,
    **products.FUNCTIONS,
    **construct.FUNCTIONS,
    **drawing.FUNCTIONS,
    **environment.FUNCTIONS,
    **_RANDOM,
    **{kind.name: kind for kind in dtypes.ALL},
    **{
        name: getattr(gradients, name)
        for name in ("enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled")
    },
    **{
        name: getattr(dtypes, name)
        for name in (
            "can_cast cdouble cfloat double dtype finfo get_default_dtype half iinfo long promote_types result_type "
            "set_default_dtype short"
        ).split()
    },
    "Generator": Generator,
    "Size": Size,
    "Tensor": Tensor,
    "backends": environment.backends,
    "cuda": environment.cuda,
    "default_generator": random.default_generator,
    "detach": detach,
    "device": device,
    "e": np.e,
    "float": dtypes.float32,
    "get_rng_state": get_rng_state,
    "inf": float("inf"),
    "int": dtypes.int32,
    "is_complex": is_complex,
    "is_floating_point": is_floating_point,
    "is_tensor": is_tensor,
    "layout": layout,
    "load": load,
    "nan": float("nan"),
    "newaxis": None,
    "numel": numel,
    "pi": np.pi,
    "return_types": environment.return_types,
    "save": save,
    "set_printoptions": printing.set_printoptions,
    "set_rng_state": set_rng_state,
    "strided": STRIDED,
    "version": environment.version,
    "vmap": vmap,
}
