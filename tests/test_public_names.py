"""What a package says it offers is what it offers: every name is there, is documented, and no other name is public."""

from __future__ import annotations

import importlib
import inspect
import types
from pathlib import Path

import pytest

import chainrule

SOURCE = Path(chainrule.__file__).parent


def modules() -> list[str]:
    """The dotted names of all modules of the package."""
    paths = [path.relative_to(SOURCE.parent).with_suffix("") for path in sorted(SOURCE.rglob("*.py"))]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths if path.name != "__main__"]


@pytest.mark.parametrize("name", modules())
def test_every_listed_name_can_be_imported(name: str) -> None:
    module = importlib.import_module(name)
    listed: list[str] = list(getattr(module, "__all__", []))
    assert len(listed) == len(set(listed))
    assert [entry for entry in listed if not hasattr(module, entry)] == []


def test_the_package_lists_exactly_what_it_shows() -> None:
    later = set(chainrule._LATER)
    shown = {name for name, value in vars(chainrule).items() if not isinstance(value, types.ModuleType)} | later
    public = {name for name in shown if not name.startswith("_")} - {"annotations", "Any", "TYPE_CHECKING"}
    public.discard("import_module")
    listed = {name for name in chainrule.__all__ if not isinstance(getattr(chainrule, name), types.ModuleType)}
    assert public == listed - {"__version__"}


@pytest.mark.parametrize("name", [entry for entry in chainrule.__all__ if entry != "__version__"])
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(chainrule, name)
    text = inspect.getdoc(value) or ""
    assert text.strip(), f"{name} has no docstring"
    if inspect.isclass(value) and not issubclass(value, Exception):
        own = {entry: member for entry, member in vars(value).items() if not entry.startswith("_")}
        described = (inspect.isfunction(member) or isinstance(member, property) for member in own.values())
        bare = [e for (e, m), said in zip(own.items(), described, strict=True) if said and not inspect.getdoc(m)]
        assert bare == [], f"{name} has members without a docstring"
