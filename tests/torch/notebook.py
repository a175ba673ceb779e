"""Runs a program of cells as a notebook would, and keeps what it prints."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import warnings
from typing import Any


def transcript(text: str) -> str:
    """All that the cells print, the last expression of each, and for what is raised its type and first line."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    written = io.StringIO()
    for number, cell in enumerate(re.split(r"^# %%.*\n", text, flags=re.MULTILINE)[1:]):
        print(f"[{number}]", file=written)
        with contextlib.redirect_stdout(written), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                print_last(cell, scope)
            except Exception as problem:
                print(f"{type(problem).__name__}: {str(problem).partition(chr(10))[0]}")
    return re.sub(r"grad_fn=<\w+>", "grad_fn=<>", written.getvalue())


def print_last(cell: str, scope: dict[str, Any]) -> None:
    """Run one cell; the value of an expression at its end is printed."""
    tree = ast.parse(cell)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), scope)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), scope)
        if value is not None:
            print(repr(value))
