"""Lets ``import torch`` find `chainrule.torch`, and takes it away again.

>>> install()
>>> import torch
>>> torch.tensor([1.0, 2.0])
tensor([1., 2.])
>>> uninstall()
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from chainrule.errors import AlreadyImportedError

__all__ = ["install", "installed", "uninstall"]

_before: dict[str, ModuleType] = {}
_present: set[str] = set()


def stand_ins() -> dict[str, Any]:
    """The modules by the names that they stand in for."""
    torch: Any = sys.modules["chainrule.torch"]
    names = (
        "autograd autograd.function autograd.functional backends backends.cudnn backends.mps cuda distributions func linalg nn "
        "nn.functional nn.init nn.modules nn.parameter nn.utils optim optim.lr_scheduler random return_types utils utils.data "
        "version"
    ).split()
    found = {"torch": torch}
    for name in names:
        module = torch
        for part in name.split("."):
            module = getattr(module, part)
        found[f"torch.{name}"] = module
    return found


def installed() -> bool:
    """Whether ``import torch`` finds this package."""
    return sys.modules.get("torch") is sys.modules["chainrule.torch"]


def install(force: bool = False) -> None:
    """From now on ``import torch`` and its submodules find this package.

    Raises :class:`~chainrule.errors.AlreadyImportedError` if PyTorch itself has been imported: tensors of two kinds in one
    program help nobody. With ``force`` it is set aside; `uninstall` brings it back.
    """
    if installed():
        return
    real = {name: module for name, module in sys.modules.items() if name == "torch" or name.startswith("torch.")}
    if real and not force:
        raise AlreadyImportedError(
            "install(): PyTorch itself is already imported here, from "
            f"{getattr(real.get('torch'), '__file__', None) or 'an unknown place'}. Call install() before the first `import "
            "torch`, in a fresh process, or install(force=True) to set PyTorch aside."
        )
    _before.update(real)
    for name in real:
        del sys.modules[name]
    given = stand_ins()
    _present.update(given)
    sys.modules.update(given)


def uninstall() -> None:
    """``import torch`` finds what it found before `install`."""
    if not installed():
        return
    for name in _present:
        sys.modules.pop(name, None)
    sys.modules.update(_before)
    _present.clear()
    _before.clear()
