"""``torch.optim``: optimisers and schedules of learning rates."""

from __future__ import annotations

from chainrule.torch.messages import absent
from chainrule.torch.optim import lr_scheduler
from chainrule.torch.optim.optimizer import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]


def __getattr__(name: str) -> object:
    raise absent(f"module 'torch.optim' has no attribute {name!r}", name, __all__)
