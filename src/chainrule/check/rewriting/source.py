"""Rewrites the source of a cell so that comparisons, printed values and variables named after derivatives are seen.

The rewritten cell does what the cell did: each hook returns what the expression would have returned. The hooks are
methods of one object that the builtins hold under `HOOK`, so the notebook's own namespace stays clean.

    a == b                      __chainrule__.compared(site, "eq", a, b)
    torch.equal(a, b)           __chainrule__.calling(site, torch.equal)(a, b)
    (a - b).abs().max()         __chainrule__.compared(site, "sub", a, b).abs().max()
    print(f"{a} and {b}", c)    __chainrule__.showing(site, print)(f"{…part(site, 0, a)} and {…part(site, 1, b)}", …)
    check_grad(f, g, x)         __chainrule__.handing(site, check_grad)(f, g, x)
    numerical_gradient(f, x)    __chainrule__.approximating(numerical_gradient)(f, x)
    g[i] = (f(a) - f(b)) / h    g[i] = __chainrule__.quotient((f(a) - f(b)) / h, h, g)
    dloss_dW = …                the same, then __chainrule__.named(site, dloss_dW)
"""

from __future__ import annotations

import ast
import itertools
import re
from typing import cast

from chainrule.check.rewriting.binding import hook_bindings
from chainrule.check.rewriting.calls import hook_calls
from chainrule.check.rewriting.quotients import hook_moves, is_side, side_calls, steps_of
from chainrule.check.rewriting.settling import hook_names
from chainrule.check.rewriting.site import HOOK, Site, base_of, hook, literal_of

__all__ = ["instrument"]

COMPARING = frozenset(
    "equal allclose isclose assert_close assert_allclose assert_almost_equal assert_array_almost_equal array_equal"
    " assert_array_equal assert_equal eq ne assertEqual assertAlmostEqual dist mse_loss l1_loss array_equiv".split()
)
SHOWING = frozenset({"print", "display", "pprint"})
REDUCING = frozenset(
    "abs absolute fabs norm max amax min sum mean square sqrt pow all any allclose isclose print display linalg".split()
)
DIFFERENCE = re.compile(r"diff|err|resid|delta|gap|discrep", re.IGNORECASE)
# What people call their own functions that compare two gradients, and those that compute one by finite differences.
MEASURE = re.compile(
    r"rel(ative)?_?(err|diff)|err(or)?_?rel|max_?(err|diff)|(compare|check)_?(grad|deriv)", re.IGNORECASE
)
NUMERICAL = re.compile(
    r"numeric.*(grad|deriv|jac)|(grad|deriv|jac)\w*(numeric|approx|fd$|_num$)|(fd|num|approx)_?(grad|deriv|jac)"
    r"|finite_?diff|central_?diff|approx_fprime",
    re.IGNORECASE,
)
# What takes a function with its gradient: to check it, or to find a minimum; and what a gradient is handed over as.
HANDING = re.compile(
    r"(check|verify|test)_?(grad|deriv)|(grad(ient)?|deriv(ative)?)s?_?check|^fmin_(l_bfgs_b|bfgs|cg|ncg|tnc)$",
    re.IGNORECASE,
)
HANDED = frozenset({"jac", "fprime"})


def instrument(tree: ast.Module, sites: list[Site], *, displays: bool = True) -> ast.Module:
    """Rewrite a parsed cell in place; each look-out is appended to ``sites`` and known by its index there.

    ``displays`` says that the value of a last expression is shown, as a notebook does.
    """
    shown = tree.body[-1] if displays and tree.body and isinstance(tree.body[-1], ast.Expr) else None
    assigned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    _Expressions(sites, shown, differs=any(steps_of(value) is not None for value in assigned)).visit(tree)
    hook_names(tree.body, sites)
    hook_bindings(tree, HOOK)
    hook_moves(tree)
    hook_calls(tree)
    ast.fix_missing_locations(tree)
    return tree


class _Expressions(ast.NodeTransformer):
    """Replaces comparisons, differences and what is printed by calls of the hooks."""

    def __init__(self, sites: list[Site], shown: ast.Expr | None, *, differs: bool) -> None:
        self.sites = sites
        self.differs = differs  # whether there are difference quotients
        self.shown = shown
        self.context: list[str] = []
        self.key = (0, 0)
        self.blocks = 0

    def new(self, kind: str, node: ast.AST, operands: list[ast.expr]) -> int:
        """Note a site and return its index."""
        self.sites.append(
            Site(
                kind,
                getattr(node, "lineno", 0),
                [ast.unparse(operand) for operand in operands],
                [literal_of(operand) for operand in operands],
                frozenset(self.context),
                key=self.key,
            )
        )
        return len(self.sites) - 1

    def within(self, words: list[str], node: ast.AST) -> None:
        """Visit a node's children with more context."""
        self.context += words
        self.generic_visit(node)
        del self.context[len(self.context) - len(words) :]

    def visit(self, node: ast.AST) -> ast.AST:
        """Number the statements of each block, then go on as usual."""
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                self.blocks += 1
                for position, statement in enumerate(block):
                    statement.chainrule_key = (self.blocks, position)
        before = self.key
        self.key = getattr(node, "chainrule_key", self.key)
        result: ast.AST = super().visit(node)
        self.key = before
        return result

    def expression(self, node: ast.expr) -> ast.expr:
        """Visit an expression; it stays one."""
        return cast(ast.expr, self.visit(node))

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        self.within(["assert"], node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        named = [ast.unparse(target) for target in node.targets]
        steps = steps_of(node.value)
        has_sides = steps is not None or (self.differs and _is_side(node.targets))
        calls = list(side_calls(node.value)) if has_sides else []
        self.within(["difference"] if any(DIFFERENCE.search(name) for name in named) else [], node)
        if steps is not None:
            filled = [target.value for target in node.targets if isinstance(target, ast.Subscript)]
            whole = [ast.parse(ast.unparse(base), mode="eval").body for base in filled]
            divisor = ast.parse(steps, mode="eval").body
            node.value = hook("quotient", node.value, divisor, *whole)
        for call in calls:
            call.func = hook("side", call.func)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if node is not self.shown:
            self.generic_visit(node)
            return node
        if isinstance(node.value, ast.Tuple | ast.List) and not any(
            isinstance(item, ast.Starred) for item in node.value.elts
        ):
            return self._show_all(node, node.value)
        site = self.new("display", node, [node.value])
        self.within(["shown"], node)
        node.value = hook("displayed", ast.Constant(site), node.value)
        return node

    def _show_all(self, node: ast.Expr, value: ast.Tuple | ast.List) -> ast.AST:
        site = self.new("display", node, value.elts)
        self.within(["shown"], value)
        node.value = hook("displayed", ast.Constant(site), value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        kinds = {ast.Eq: "eq", ast.NotEq: "ne"}
        ordered = any(isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for operator in node.ops)
        if len(node.ops) != 1 or type(node.ops[0]) not in kinds:
            self.within(["ordered"] if ordered else [], node)
            return node
        operands = [node.left, node.comparators[0]]
        site = self.new("compare", node, operands)
        self.generic_visit(node)
        return ast.copy_location(
            hook(
                "compared", ast.Constant(site), ast.Constant(kinds[type(node.ops[0])]), node.left, node.comparators[0]
            ),
            node,
        )

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Pow):
            self.within(["square"], node)
            return node
        if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            return self._percent(node)
        if not isinstance(node.op, ast.Sub) or not self._measures_difference():
            self.generic_visit(node)
            return node
        site = self.new("difference", node, [node.left, node.right])
        self.generic_visit(node)
        return ast.copy_location(hook("compared", ast.Constant(site), ast.Constant("sub"), node.left, node.right), node)

    def _measures_difference(self) -> bool:
        return bool({"ordered", "difference", "shown", *REDUCING} & set(self.context))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in SHOWING and isinstance(node.func, ast.Name):
            return self._show(node)
        if name == "format" and isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Constant) and isinstance(node.func.value.value, str):
                return self._format(node, node.func.value.value)
        elif NUMERICAL.search(name):
            self.within([name], node)
            node.func = hook("approximating", node.func)
            return node
        elif HANDING.search(name) or any(keyword.arg in HANDED for keyword in node.keywords):
            return self._hooked("handing", name, node, [*node.args, *(keyword.value for keyword in node.keywords)])
        elif _is_comparison(name, node):
            operands = list(node.args[:2])
            if len(operands) < 2 and isinstance(node.func, ast.Attribute):
                operands.insert(0, node.func.value)
            return self._hooked("calling", name, node, operands)
        self.within([name], node)
        return node

    def _hooked(self, method: str, name: str, node: ast.Call, operands: list[ast.expr]) -> ast.AST:
        """A call of a function that one of the hooks wraps."""
        site = self.new("call", node, operands)
        self.within([name], node)
        node.func = hook(method, ast.Constant(site), node.func)
        return node

    def _show(self, node: ast.Call) -> ast.AST:
        """`print(...)`: every value in its arguments, f-strings included, becomes a part of one site."""
        index = self.new("print", node, [])
        arguments: list[ast.expr] = []
        for argument in node.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                self._label(index, argument.value)
                arguments.append(argument)
            elif isinstance(argument, ast.JoinedStr):
                arguments.append(self._joined(argument, index))
            elif _is_template(argument):
                self.context.append(f"print {index}")
                arguments.append(self.expression(argument))
                self.context.pop()
            elif isinstance(argument, ast.Starred):
                arguments.append(self.expression(argument))
            else:
                arguments.append(self._part(argument, index))
        node.args = arguments
        node.func = hook("showing", ast.Constant(index), node.func)
        return node

    def _label(self, index: int, text: str) -> None:
        """Words between two values; a place in the list of parts is kept for them."""
        site = self.sites[index]
        site.texts.append("")
        site.literals.append(None)
        site.labels += [None] * (len(site.texts) - 1 - len(site.labels)) + [text]

    def _part(self, value: ast.expr, index: int) -> ast.expr:
        """Have the value of an expression noted as the next part of a site."""
        site = self.sites[index]
        site.texts.append(ast.unparse(value))
        site.literals.append(literal_of(value))
        position = len(site.texts) - 1
        self.context.append("print")
        inner = self.expression(value)
        self.context.pop()
        return ast.copy_location(hook("part", ast.Constant(index), ast.Constant(position), inner), value)

    def _joined(self, node: ast.JoinedStr, index: int) -> ast.expr:
        for piece in node.values:
            if isinstance(piece, ast.FormattedValue):
                piece.value = self._part(piece.value, index)
            elif isinstance(piece, ast.Constant):
                self._label(index, str(piece.value))
        return node

    def _outer(self, node: ast.expr) -> tuple[int, bool]:
        """The print that a piece of text belongs to, or a site of its own."""
        for word in reversed(self.context):
            if word.startswith("print "):
                return int(word.split()[1]), False
        return self.new("text", node, []), True

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        index, alone = self._outer(node)
        joined = self._joined(node, index)
        return hook("said", ast.Constant(index), joined) if alone else joined

    def _format(self, node: ast.Call, template: str) -> ast.AST:
        index, alone = self._outer(node)
        words = re.split(r"\{[^{}]*\}", template)
        for argument, label in zip([*node.args, *(word.value for word in node.keywords)], words, strict=False):
            self._label(index, label)
            if not isinstance(argument, ast.Starred):
                _replace(node, argument, self._part(argument, index))
        return hook("said", ast.Constant(index), node) if alone else node

    def _percent(self, node: ast.BinOp) -> ast.AST:
        index, alone = self._outer(node)
        words = re.split(r"%[-+ 0#]*[\d.*]*[a-zA-Z]", str(getattr(node.left, "value", "")))
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        changed: list[ast.expr] = []
        for value, label in itertools.zip_longest(values, words[: len(values)], fillvalue=""):
            if isinstance(value, ast.expr):
                self._label(index, str(label))
                changed.append(value if isinstance(value, ast.Starred) else self._part(value, index))
        if isinstance(node.right, ast.Tuple):
            node.right.elts = changed
        else:
            node.right = changed[0]
        return hook("said", ast.Constant(index), node) if alone else node


def _is_side(targets: list[ast.expr]) -> bool:
    """Whether a statement assigns one of the two sides of a difference, `J_plus[i]`, or that and more."""
    target = targets[0].elts[0] if isinstance(targets[0], ast.Tuple | ast.List) and targets[0].elts else targets[0]
    return is_side(base_of(target))


def _is_comparison(name: str, call: ast.Call) -> bool:
    """Whether a call compares its first two arguments, by its name."""
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return False
    return name in COMPARING or (MEASURE.search(name) is not None and len(call.args) >= 2)


def _replace(call: ast.Call, old: ast.expr, new: ast.expr) -> None:
    call.args = [new if argument is old else argument for argument in call.args]
    for keyword in call.keywords:
        if keyword.value is old:
            keyword.value = new


def _is_template(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return isinstance(node.func.value, ast.Constant) and isinstance(node.func.value.value, str)
    return isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
