"""Random differentiable programs of NumPy operations as a strategy of Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.programs.draws import Drawn
from tests.programs.made import made
from tests.programs.program import Program, weights

__all__ = ["Program", "programs", "weights"]


@st.composite
def programs(draw: Any, most: int = 12, in_place: bool = False, wider: bool = False) -> Program:
    """Programs of at most ``most`` steps; with ``in_place`` some overwrite tensors or parts of them.

    ``wider`` ones hold any operation of the registry, buffers and functions that only transforms follow.
    """
    return made(Drawn(draw), most, in_place, wider, wider)
