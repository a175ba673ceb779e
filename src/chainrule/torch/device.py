"""Where tensors live: always the processor's memory. Objects of PyTorch's names that say so."""

from __future__ import annotations

from typing import Any

from chainrule.errors import NoDeviceError, StandInRuntimeError

__all__ = ["CPU", "STRIDED", "device", "layout", "refuse_other"]


class device:
    """``torch.device("cpu")``; other devices can be named, but no tensor can be made there.

    >>> device("cpu"), str(device("cuda:1")), device("cpu") == device("cpu")
    (device(type='cpu'), 'cuda:1', True)
    """

    __module__ = "torch"
    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            index = type.index
            type = str(type.type)
        name, _, number = str(type).partition(":")
        if name not in ("cpu", "cuda", "mps", "meta", "xpu"):
            raise StandInRuntimeError(
                "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, "
                f"vulkan, mps, meta, hpu, mtia, privateuseone device type at start of device string: {name}\n"
                'chainrule computes on the processor: torch.device("cpu").'
            )
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        return f"device(type={self.type!r}{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


class layout:
    """How the elements lie in memory: ``torch.strided``, at regular distances."""

    __module__ = "torch"

    def __repr__(self) -> str:
        return "torch.strided"


CPU = device("cpu")
STRIDED = layout()


def refuse_other(given: Any) -> None:
    """Raise ``NoDeviceError`` (an ``AssertionError``) for a device that is not the processor."""
    if given is not None and device(given).type != "cpu":
        raise NoDeviceError(
            "Torch not compiled with CUDA enabled\n"
            f"{given!s} was asked for; chainrule computes on the processor. Write device='cpu', or "
            "'cuda' if torch.cuda.is_available() else 'cpu'."
        )
