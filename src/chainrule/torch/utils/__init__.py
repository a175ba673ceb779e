"""``torch.utils``: data sets and batches."""

from __future__ import annotations

from chainrule.torch.messages import absent
from chainrule.torch.utils import data

__all__ = ["data"]


def __getattr__(name: str) -> object:
    raise absent(f"module 'torch.utils' has no attribute {name!r}", name, __all__)
