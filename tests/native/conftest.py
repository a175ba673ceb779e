"""The ways in which a compiled function is called, chosen by force."""

from __future__ import annotations

from typing import Any

import pytest

from chainrule.native import abi, build, options, splitting

HOW = {
    "direct": "machine code",
    "threads": "machine code",
    "ctypes": "machine code through ctypes",
    "numpy": "a NumPy program",
}


@pytest.fixture(params=HOW)
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls at the address of machine code, through ctypes, or without LLVM; gives what `recordings` then says.

    With ``threads``, three share every loop that may be shared, however little there is to do.
    """
    if request.param == "threads":
        monkeypatch.setattr(splitting, "PART", 0)
        monkeypatch.setenv(options.VARIABLE, "3")
    elif request.param == "ctypes":
        monkeypatch.setattr(abi, "usable", lambda: False)
    elif request.param == "numpy":
        monkeypatch.setattr(build, "llvm", None)
    return HOW[request.param]
