"""Lets ``import torch`` find `chainrule.torch`, and takes it away again.

>>> install(force=True)
>>> import torch
>>> torch.tensor([1.0, 2.0])
tensor([1., 2.])
>>> uninstall()
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

from chainrule.errors import AlreadyImportedError, MissingModuleError

__all__ = ["install", "installed", "uninstall"]

SUBMODULES = (
    "autograd autograd.function autograd.functional backends backends.cudnn backends.mps cuda func linalg nn "
    "nn.functional "
    "nn.init nn.modules nn.parameter nn.utils optim optim.lr_scheduler random return_types utils utils.data version"
).split()


class StandIn(ModuleType):
    """The module that ``import torch`` finds: the public names of `chainrule.torch`, and no others."""

    def __init__(self, package: Any) -> None:
        super().__init__("torch", package.__doc__)
        self.__dict__.update({name: getattr(package, name) for name in package.__all__})
        self.__all__ = [name for name in package.__all__ if name not in ("install", "uninstall")]
        self.__version__ = package.__version__
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return sys.modules["chainrule.torch"].__getattr__(name)


class Refusal(MetaPathFinder):
    """Says of a submodule that is not there what is there."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Nothing for other packages; an error for those of PyTorch."""
        parent, _, name = fullname.rpartition(".")
        if parent.partition(".")[0] != "torch":
            return
        there = ", ".join(f"torch.{each}" for each in SUBMODULES)
        raise MissingModuleError(
            f"No module named {fullname!r}\nchainrule.torch stands in for PyTorch and has neither a module nor a "
            f"name {name!r} "
            f"in {parent!r}. There is: {there}; and in {parent!r}: {', '.join(dir_of(parent))}."
        )


def dir_of(name: str) -> list[str]:
    """The public names of one of the modules."""
    return sorted(getattr(sys.modules[name], "__all__", ()))


_before: dict[str, ModuleType] = {}
_present: dict[str, ModuleType] = {}
_refusal = Refusal()


def stand_ins() -> dict[str, Any]:
    """The modules by the names that they stand in for."""
    found: dict[str, Any] = {"torch": StandIn(sys.modules["chainrule.torch"])}
    for name in SUBMODULES:
        module = found["torch"]
        for part in name.split("."):
            module = getattr(module, part)
        found[f"torch.{name}"] = module
    return found


def installed() -> bool:
    """Whether ``import torch`` finds this package."""
    return bool(_present) and sys.modules.get("torch") is _present["torch"]


def install(force: bool = False) -> None:
    """From now on ``import torch`` and its submodules find this package.

    Raises :class:`~chainrule.errors.AlreadyImportedError` if PyTorch itself has been imported: tensors of two kinds in
    one program help nobody. With ``force`` it is set aside; `uninstall` brings it back.
    """
    if installed():
        return
    real = {name: module for name, module in sys.modules.items() if name == "torch" or name.startswith("torch.")}
    if real and not force:
        raise AlreadyImportedError(
            "install(): PyTorch itself is already imported here, from "
            f"{getattr(real.get('torch'), '__file__', None) or 'an unknown place'}. Call install() before the first "
            "`import "
            "torch`, in a fresh process, or install(force=True) to set PyTorch aside."
        )
    _before.update(real)
    for name in real:
        del sys.modules[name]
    _present.update(stand_ins())
    sys.modules.update(_present)
    sys.meta_path.insert(0, _refusal)


def uninstall() -> None:
    """``import torch`` finds what it found before `install`."""
    if not installed():
        return
    sys.meta_path.remove(_refusal)
    for name in _present:
        sys.modules.pop(name, None)
    sys.modules.update(_before)
    _present.clear()
    _before.clear()
