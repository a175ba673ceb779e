"""How messages are tested: something is provoked, and what is said must hold some words and stay short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["says"]


def says(provoke: Callable[[], Any], kind: type[Exception], words: list[str], longest: int = 600) -> None:
    """Whether ``provoke`` raises an error of that kind in these words, in fewer than ``longest`` characters."""
    with pytest.raises(kind) as caught:
        provoke()
    text = str(caught.value)
    assert all(part in text for part in words), text
    assert len(text) < longest
