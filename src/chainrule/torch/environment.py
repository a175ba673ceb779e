"""What a program asks about its surroundings: version, graphics cards, back ends, number of threads."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from chainrule.torch.device import refuse_other
from chainrule.torch.messages import absent
from chainrule.torch.ordering import RETURN_TYPES

__all__ = ["VERSION", "backends", "cuda", "return_types", "version"]

VERSION = "2.13.0+chainrule"  # the PyTorch whose names and printed forms these are


class Names(ModuleType):
    """A module of a few names, that says which when another is asked for."""

    def __init__(self, name: str, **names: Any) -> None:
        super().__init__(name, f"What chainrule.torch has of {name}.")
        self.__dict__.update(names)
        self.__all__ = sorted(names)

    def __getattr__(self, name: str) -> Any:
        raise absent(f"module {self.__name__!r} has no attribute {name!r}", name, self.__all__)


def _no(*arguments: Any) -> bool:
    """False: there is none here."""
    return False


def _nothing(*arguments: Any, **options: Any) -> None:
    """Nothing to be done."""


def _none_there(*arguments: Any, **options: Any) -> None:
    """Raise: there is no graphics card."""
    refuse_other("cuda")


cuda = Names(
    "torch.cuda",
    current_device=_none_there,
    device_count=lambda: 0,
    empty_cache=_nothing,
    get_device_name=_none_there,
    is_available=_no,
    is_initialized=_no,
    manual_seed=_nothing,
    manual_seed_all=_nothing,
    synchronize=_nothing,
)
backends = Names(
    "torch.backends",
    cudnn=Names("torch.backends.cudnn", benchmark=False, deterministic=False, enabled=False, is_available=_no),
    mps=Names("torch.backends.mps", is_available=_no, is_built=_no),
    cuda=Names("torch.backends.cuda", is_built=_no),
)
version = Names("torch.version", __version__=VERSION, cuda=None, git_version="", hip=None)
return_types = Names("torch.return_types", **RETURN_TYPES)

FUNCTIONS = {
    "get_num_threads": lambda: 1,
    "set_num_threads": _nothing,
    "set_num_interop_threads": _nothing,
    "use_deterministic_algorithms": _nothing,
    "set_float32_matmul_precision": _nothing,
    "compile": lambda model=None, **options: model if model is not None else (lambda function: function),
}
