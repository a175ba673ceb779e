"""Lets IPython and Jupyter load the magics by the name of the package."""

from __future__ import annotations

from typing import Any

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

MAGICS = "chainrule.cli.magics"


def load_ipython_extension(ipython: Any) -> None:
    """Offer the magics `%%check` and `%derive` in a notebook: what ``%load_ext chainrule`` calls.

    IPython itself loads what they need, so that ``import chainrule`` need not.
    """
    ipython.extension_manager.load_extension(MAGICS)


def unload_ipython_extension(ipython: Any) -> None:
    """Watch no longer: what ``%unload_ext chainrule`` calls."""
    ipython.extension_manager.unload_extension(MAGICS)
