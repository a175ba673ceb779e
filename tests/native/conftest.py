"""The three ways in which a compiled function is called, chosen by force."""

from __future__ import annotations

from typing import Any

import pytest

from chainrule.native import abi, build

HOW = {"direct": "machine code", "ctypes": "machine code through ctypes", "numpy": "a NumPy program"}


@pytest.fixture(params=HOW)
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls at the address of machine code, through ctypes, or without LLVM; gives what `recordings` then says."""
    if request.param == "ctypes":
        monkeypatch.setattr(abi, "usable", lambda: False)
    elif request.param == "numpy":
        monkeypatch.setattr(build, "llvm", None)
    return HOW[request.param]
