"""A rewritten cell does what the cell did, and its hooks are where claims are."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
from collections.abc import Callable
from typing import Any

import pytest

from chainrule.check.rewriting.site import HOOK, Site, is_derivative_name
from chainrule.check.rewriting.source import instrument


class Deaf:
    """Hooks that do nothing but what the expression did, and note that they were called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.bindings: list[tuple[str, Any]] = []

    def compared(self, index: int, kind: str, left: Any, right: Any) -> Any:
        self.calls.append(("compared", kind, left, right))
        return {"eq": lambda: left == right, "ne": lambda: left != right, "sub": lambda: left - right}[kind]()

    def calling(self, index: int, function: Any) -> Any:
        self.calls.append(("calling", index))
        return function

    def approximating(self, function: Any) -> Any:
        self.calls.append(("approximating", function))
        return function

    def part(self, index: int, position: int, value: Any) -> Any:
        self.calls.append(("part", index, position, value))
        return value

    def showing(self, index: int, function: Callable[..., Any]) -> Callable[..., Any]:
        self.calls.append(("showing", index))
        return function

    def said(self, index: int, text: Any) -> Any:
        self.calls.append(("said", index))
        return text

    def displayed(self, index: int, value: Any) -> Any:
        self.calls.append(("displayed", index))
        return value

    def named(self, index: int, value: Any, owner: Any = None) -> None:
        self.calls.append(("named", index, value))

    def bound(self, name: str, value: Any) -> None:
        self.bindings.append((name, value))

    passed = bound


def run(source: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any], Deaf, list[Site]]:
    """Run a cell rewritten; returns what it printed, its variables, the hooks and the sites."""
    hooks, sites = Deaf(), list[Site]()
    monkeypatch.setattr(builtins, HOOK, hooks, raising=False)
    tree = instrument(ast.parse(source), sites)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        exec(compile(tree, "<cell>", "exec"), namespace)
    return text.getvalue(), namespace, hooks, sites


PROGRAMS = [
    "x = 3\nprint(x == 3, x != 3, x < 5 == True, x == 3 == 3)",
    "print(f'{1 + 1:>5} {\"a\"!r} {{}} {3.14159:.{2}f}', 'b', sep='|')",
    "print('{} {named}'.format(1, named=2), '%s and %d%%' % ('a', 3), '%s' % 4)",
    "a = [1, 2]\nprint(*a, *'xy', sep=',')\nprint(*a, end='!')",
    "class A:\n    def __eq__(self, other): return 'odd'\n    __hash__ = None\nprint(A() == 1, [A() == 2])",
    "print(abs(1 - 5), max(3 - 1, 0), sum([2 - 1, 1 - 2]))",
    "def f(dx):\n    dy = dx * 2\n    for i in range(3):\n        dy += i\n    return dy\nprint(f(1))",
    "class B:\n    pass\nb = B()\nb.g = 1\nb.g += 2\nb.grad_x = [0]\nb.grad_x[0] = 5\nprint(b.g, b.grad_x)",
    "dW = {}\nfor k in 'ab':\n    dW[k] = k == 'a'\nprint(dW)",
    "try:\n    dz = 1 / 0\nexcept ZeroDivisionError:\n    dz = 0\nfinally:\n    dw = 2\nprint(dz, dw)",
    "x = 5\nmatch x:\n    case 5:\n        dz = 1\n    case _:\n        dz = 2\nprint(dz)",
    "import asyncio\nasync def g():\n    dz = 1\n    return dz == 1\nprint(asyncio.run(g()))",
    "print([i for i in range(5) if i == 2], {i: i == 1 for i in range(2)}, (lambda a, b: a == b)(1, 1))",
    "s = 'x'\nassert s == 'x', f'not {s}'\nprint(s == 'x' and 'y' or 'z')",
    "with open(__import__('os').devnull) as f:\n    dx = f.read()\nprint(dx == '')",
    "def equal(*args, **kw): return args, kw\nprint(equal(*[1, 2]), equal(1, b=2), equal())",
    "dx = dy = 3\n(da, db), *dc = (1, 2), 3, 4\nprint(dx, dy, da, db, dc)\ndx: int = 4\nprint(dx)\ndz: int",
    "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1\nprint(P() == P(), P(2) - 1 if 0 else 0)",
    "def f():\n    dq = 1\n    def g():\n        nonlocal dq\n        dq = dq + 1\n    g()\n    return dq\nprint(f())",
    "print()\nprint('only words')\nprint('a' 'b', end='')",
    "'last', 1, 2",
    "[1 == 1, 2]",
    "(x := 5) - 3",
    "del_ = 1\ndel del_",
    "global_ = 1\ndef h():\n    global dg\n    dg = 2\nh()\nprint(dg)",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_rewritten_cell_does_the_same(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain: dict[str, Any] = {"__name__": "__main__"}
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        exec(program, plain)
    printed, rewritten, _, _ = run(program, monkeypatch)
    assert printed == text.getvalue()
    assert set(rewritten) == set(plain)


def test_lines_stay_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, HOOK, Deaf(), raising=False)
    tree = instrument(ast.parse("x = 1\n\nassert (x ==\n        2), 'no'"), [])
    with pytest.raises(AssertionError) as caught:
        exec(compile(tree, "<cell>", "exec"), {})
    trace = caught.tb
    assert trace is not None
    assert trace.tb_next is not None
    assert trace.tb_next.tb_lineno == 3


def named(source: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The names that are judged, with the values they have then."""
    _, _, hooks, sites = run(source, monkeypatch)
    return [(sites[call[1]].texts[0], call[2]) for call in hooks.calls if call[0] == "named"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("dx = 1", [("dx", 1)]),
        ("dx = 1\ndx = 2", [("dx", 1), ("dx", 2)]),
        ("dx = 1\ny = 5\ndx += 1", [("dx", 2)]),
        ("dx = 0\ny = 5\ndx = 7", [("dx", 7)]),
        ("def zeros(n):\n    return n\ndx = zeros(3)\ndx = 8", [("dx", 8)]),
        ("grads = {}\ngrads['x'] = 3\ngrads['x'] += 1", [("grads['x']", 4)]),
        ("dx = 0\nfor i in range(4):\n    dx += i", [("dx", 6)]),
        ("dx = 0\nfor i in range(4):\n    dx = dx + i", [("dx", 6)]),
        ("dx = [0, 0]\nfor i in range(2):\n    dx[i] = i + 1", [("dx", [1, 2])]),
        ("for i in range(2):\n    dx = i\n    dx *= 10", [("dx", 0), ("dx", 10)]),
        ("for i in range(2):\n    dx = 0\n    for j in range(3):\n        dx += 1", [("dx", 3), ("dx", 3)]),
        ("if True:\n    dx = 1\nelse:\n    dx = 2", [("dx", 1)]),
        ("dx, dy = 1, 2", [("dx", 1), ("dy", 2)]),
        ("def f():\n    dx = 3\n    return dx\nf()", [("dx", 3)]),
        ("x = 1\ny = dx = 4", [("dx", 4)]),
        ("dx = [3]\ndx[0] = 4\ndx.sort()", [("dx", [4])]),
    ],
)
def test_a_name_is_judged_where_it_is_settled(
    source: str, expected: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert named(source, monkeypatch) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("dloss_dW", True), ("dW1", True), ("grad_mse", True), ("x_grad", True), ("jac_h", True), ("d_x", True),
     ("partial_f_x", True), ("W", False), ("d", False), ("gradual", False), ("loss", False), ("_d", False)],
)  # fmt: skip
def test_names_that_look_like_derivatives(name: str, expected: bool) -> None:
    assert is_derivative_name(name) is expected


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("y - x", 1),  # displayed
        ("z = y - x", 0),
        ("difference = y - x", 1),
        ("z = abs(y - x).max()", 1),
        ("assert abs(y - x) < 1e-6", 1),
        ("w = w - 0.1 * y", 0),
        ("z = ((y - x) ** 2).sum()", 1),
    ],
)
def test_differences_count_where_they_are_measured(source: str, count: int) -> None:
    sites: list[Site] = []
    instrument(ast.parse(source), sites)
    assert sum(site.kind == "difference" for site in sites) == count
