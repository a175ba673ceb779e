"""The pullback of one node written out: its rules for these shapes as a few lines of Python, compiled once.

A plan is called with (node, cotangent, result, arguments) and returns one part for each tracked argument. What a rule
computes is not changed; only the questions that have the same answer for the same shapes are asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.linear.apply import pull
from chainrule.linear.script import Script
from chainrule.linear.term import Pattern, Term, diagonal
from chainrule.op import Diagonal, Part, Product, Rule, Structural, broadcast
from chainrule.program.deferred import Deferred
from chainrule.program.node import LARGE, Node

__all__ = ["Plan", "plan_of", "pull_terms", "taken"]

Plan = tuple[Callable[..., Sequence[Any]], tuple[int, ...]]  # the function, and the positions of its parts

_SAME = (lambda x: x).__code__.co_code  # of a function that returns its only argument
_PLANS = 1 << 12  # plans that an operation keeps before it starts afresh


def pull_terms(terms: Sequence[Term], cotangent: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """The sum of transposed terms applied to a cotangent."""
    if not terms:
        return np.zeros((1,) * len(shape), dtype)  # thin: zero along every axis
    total = None
    for made, factors, tables in terms:
        part = pull(made, cotangent, factors, tables)
        total = part if total is None else total + part
    return total


def plan_of(node: Node, cotangent: Any) -> Plan | None:
    """The plan for a node and a cotangent of this shape; None where large arrays are better handled one by one."""
    plans = node.operation.plans
    key: Any = (node.mask, node.shapes, cotangent.shape)
    if node.params:
        key = (*key, *node.params.values())
    if key in plans:
        found: Plan | None = plans[key]
        return found
    if len(plans) >= _PLANS:
        plans.clear()
    plans[key] = made = _plan(node, cotangent.shape)
    return made


def _plan(node: Node, shape: tuple[int, ...]) -> Plan | None:
    sizes = [prod(node.shape), *[prod(given) for given in node.shapes]]
    if max(sizes) >= LARGE and node.operation.reuses:
        return None
    script = Script("node", "g", "out", "values")
    positions = tuple([position for position, parent in enumerate(node.parents) if parent is not None])
    parts = [_write_part(script, node, position, shape) for position in positions]
    return script.finish(f"({', '.join(parts)},)"), positions


def _write_part(script: Script, node: Node, position: int, shape: tuple[int, ...]) -> str:
    """The expression of one part."""
    rule = node.operation.rule(position)
    if type(rule) is Diagonal:
        return _write_diagonal(script, rule, node, position, shape)
    if isinstance(rule, Product):
        made, parts = rule.parts(node, position)
        factors = [_write_factor(script, part) for part in parts]
        return _write_pull(script, made, shape, factors)
    if rule.conjugates:
        return f"{script.constant(np.conjugate)}(g)"
    if isinstance(rule, Structural):
        terms = rule.terms(node, position, None, ())
        if terms and not any(term.tables for term in terms):
            return " + ".join(
                [_write_pull(script, made, shape, list(map(script.constant, factors))) for made, factors, _ in terms]
            )
    return f"{script.constant(general)}({script.constant(rule)}, node, {position}, g, out, values)"


def taken(cotangent: Any, derivative: Any) -> Any:
    """What passes through a choice. What is not taken passes 0, also of a negative number (a product would be -0)."""
    product = cotangent * derivative
    if type(product) is Deferred:
        return np.where(derivative == 0, np.zeros((), product.dtype), product)
    product = np.asarray(product)  # of shape (), NumPy would give a number
    np.copyto(product, 0, where=derivative == 0)
    return product


def general(rule: Rule, node: Node, position: int, cotangent: Any, out: Any, values: Any) -> Any:
    """One part by way of the rule's terms, whose structure depends on values."""
    terms = rule.terms(node, position, out, values)
    return pull_terms(terms, cotangent, node.shapes[position], node.dtype)


def _write_factor(script: Script, part: Part) -> str:
    text = _write_call(script, part.function, part.needs)
    return text if part.shape is None else f"{text}.reshape({script.constant(part.shape)})"


def _write_call(script: Script, function: Callable[..., Any] | None, needs: Sequence[int]) -> str:
    values = ["out" if need < 0 else f"values[{need}]" for need in needs]
    if function is None or (function.__code__.co_code == _SAME and len(values) == 1):
        return values[0]
    return f"{script.constant(function)}({', '.join(values)})"


def _write_pull(script: Script, made: Pattern, shape: tuple[int, ...], factors: Sequence[str]) -> str:
    """The application of a transposed term without tables to the cotangent."""
    if not factors and made.row == made.column and made.row_shape == shape:
        return "g"
    return f"{script.constant(_applied(made, shape))}(g, ({''.join(f'{factor}, ' for factor in factors)}), ())"


def _applied(made: Pattern, shape: tuple[int, ...]) -> Callable[..., Any]:
    """The plan of `pull` for one pattern and one shape of the cotangent."""

    def first(cotangent: Any, factors: tuple[Any, ...], tables: tuple[Any, ...]) -> Any:
        return pull(made, cotangent, factors, tables)

    known: Callable[..., Any] | None = made.plans.get(shape)
    return first if known is None else known


def _write_diagonal(script: Script, rule: Diagonal, node: Node, position: int, shape: tuple[int, ...]) -> str:
    if node.shapes[position] == node.shape:
        if rule.function is None:
            return _write_scaled(script, "g", rule.number)
        derivative = _write_call(script, rule.function, rule.needs)
        return f"{script.constant(taken)}(g, {derivative})" if rule.choice else f"g * {derivative}"
    if rule.function is None:
        return _write_scaled(script, _write_pull(script, broadcast(node, position), shape, ()), rule.number)
    value = rule.value(*node.saved())
    made, reshaped = diagonal(node.shape, node.shapes[position], getattr(value, "shape", ()))
    factor = _write_call(script, rule.function, rule.needs)
    if reshaped is not None:
        factor += f".reshape({script.constant(reshaped)})"
    return _write_pull(script, made, shape, [factor])


def _write_scaled(script: Script, text: str, number: complex | None) -> str:
    """The expression times a number."""
    if number == 1:
        return text
    return f"-{text}" if number == -1 else f"{text} * {script.constant(number)}"
