"""Which variables of functions and loops are looked at."""

from __future__ import annotations

import ast

import pytest

from chainrule.check.rewriting.binding import hook_bindings


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("h = f(x)", []),  # the namespace of the notebook tells it
        ("def f(x):\n    h = g(x)\n    a = h\n    n = 3\n    return h", ["h"]),
        ("for x in xs:\n    h = x + 1\n    q, (r, s) = h", ["x", "h"]),
        ("for x in xs:\n    q, (r, s) = f(x)", ["x", "q", "r", "s"]),
        ("while go():\n    h += 1\n    k: int = g()\n    z: int\n    o.a = f()\n    l[0] = f()", ["h", "k"]),
        ("if a:\n    b = f()\nelse:\n    c = f()", ["b", "c"]),
        ("try:\n    b = f()\nexcept E:\n    c = f()\nfinally:\n    d = f()", ["b", "d", "c"]),
        ("class A:\n    b = f()\n    def g(self):\n        c = f()", ["c"]),
        ("match a:\n    case 1:\n        b = f()", ["b"]),
    ],
)
def test_what_is_looked_at(source: str, names: list[str]) -> None:
    tree = ast.parse(source)
    hook_bindings(tree, "hook")
    found = [
        ast.literal_eval(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"hook.bound", "hook.passed"}
    ]
    assert sorted(found) == sorted(names)
