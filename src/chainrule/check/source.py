"""Rewrites the source of a cell so that comparisons, printed values and variables named after derivatives are seen.

The rewritten cell does what the cell did: each hook returns what the expression would have returned. The hooks are
methods of one object that the builtins hold under `HOOK`, so the notebook's own namespace stays clean.

    a == b                      __chainrule__.compared(site, "eq", a, b)
    torch.equal(a, b)           __chainrule__.calling(site, torch.equal)(a, b)
    (a - b).abs().max()         __chainrule__.compared(site, "sub", a, b).abs().max()
    print(f"{a} and {b}", c)    __chainrule__.showing(site, print)(f"{…part(site, 0, a)} and {…part(site, 1, b)}", …)
    dloss_dW = …                the same, then __chainrule__.named(site, dloss_dW)

A name is judged where its value is settled: after the last statement of the block that writes to it, so that an array
of zeros that a loop fills is not judged before the loop, and a gradient computed anew in each round of a training loop
is judged in each round, before the step is taken.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from chainrule.check.binding import hook_bindings

__all__ = ["HOOK", "Site", "cell_of_file", "file_of_cell", "instrument", "is_derivative_name"]

HOOK = "__chainrule__"
COMPARING = frozenset(
    "equal allclose isclose assert_close assert_allclose assert_almost_equal assert_array_almost_equal array_equal"
    " assert_array_equal assert_equal eq ne assertEqual assertAlmostEqual dist mse_loss l1_loss array_equiv".split()
)
SHOWING = frozenset({"print", "display", "pprint"})
REDUCING = frozenset(
    "abs absolute fabs norm max amax min sum mean square sqrt pow all any allclose isclose print display linalg".split()
)
DIFFERENCE = re.compile(r"diff|err|resid|delta|gap|discrep", re.IGNORECASE)
DERIVATIVE = re.compile(
    r"^d_?[A-Za-z]\w*$|^(grad|gradient|partial|nabla|jac|jacobian)(_\w+|[A-Z]\w*|\d*)$|^\w+_(grad|gradient)$"
)
ATTRIBUTE = re.compile(r"^(g|gradient|my_?grad|grad_?(hand|manual|mine)|(hand|manual)_?grad|dgrad)$")


@dataclass
class Site:
    """A place in a cell where something is looked at: ``texts`` are the source of its operands, in order."""

    kind: str
    line: int
    texts: list[str]
    literals: list[str | None] = field(default_factory=list)
    context: frozenset[str] = frozenset()
    labels: list[str | None] = field(default_factory=list)
    key: tuple[int, int] = (0, 0)  # of the statement: (block, position), so that neighbours can be known
    accumulates: bool = False


def file_of_cell(number: int) -> str:
    """The file name that a cell's code is compiled under."""
    return f"<cell {number}>"


def cell_of_file(name: str) -> int | None:
    """The cell that a file name belongs to; None for code of a library."""
    found = re.fullmatch(r"<cell (\d+)>", name)
    return int(found.group(1)) if found else None


def is_derivative_name(name: str) -> bool:
    """Whether a variable's name looks like that of a derivative: ``dL_dW``, ``grad_mse``, ``dlogits``, ``x_grad``.

    >>> [name for name in ("dloss_dW", "grad_mse", "d", "W", "W_grad", "model") if is_derivative_name(name)]
    ['dloss_dW', 'grad_mse', 'W_grad']
    """
    return DERIVATIVE.match(name) is not None


def instrument(tree: ast.Module, sites: list[Site], *, displays: bool = True) -> ast.Module:
    """Rewrite a parsed cell in place; each look-out is appended to ``sites`` and known by its index there.

    ``displays`` says that the value of a last expression is shown, as a notebook does.
    """
    shown = tree.body[-1] if displays and tree.body and isinstance(tree.body[-1], ast.Expr) else None
    _Expressions(sites, shown).visit(tree)
    _hook_names(tree.body, sites)
    hook_bindings(tree, HOOK)
    ast.fix_missing_locations(tree)
    return tree


def _hook(method: str, *arguments: ast.expr) -> ast.Call:
    function = ast.Attribute(ast.Name(HOOK, ast.Load()), method, ast.Load())
    return ast.Call(function, list(arguments), [])


class _Expressions(ast.NodeTransformer):
    """Replaces comparisons, differences and what is printed by calls of the hooks."""

    def __init__(self, sites: list[Site], shown: ast.Expr | None) -> None:
        self.sites = sites
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
                [_literal(operand) for operand in operands],
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
        self.within(["difference"] if any(DIFFERENCE.search(name) for name in named) else [], node)
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
        node.value = _hook("displayed", ast.Constant(site), node.value)
        return node

    def _show_all(self, node: ast.Expr, value: ast.Tuple | ast.List) -> ast.AST:
        site = self.new("display", node, value.elts)
        self.within(["shown"], value)
        node.value = _hook("displayed", ast.Constant(site), value)
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
            _hook(
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
        return ast.copy_location(
            _hook("compared", ast.Constant(site), ast.Constant("sub"), node.left, node.right), node
        )

    def _measures_difference(self) -> bool:
        return bool({"ordered", "difference", "shown", *REDUCING} & set(self.context))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in SHOWING and isinstance(node.func, ast.Name):
            return self._show(node)
        if name == "format" and isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Constant) and isinstance(node.func.value.value, str):
                return self._format(node, node.func.value.value)
        elif name in COMPARING and not any(isinstance(argument, ast.Starred) for argument in node.args):
            operands = list(node.args[:2])
            if len(operands) < 2 and isinstance(node.func, ast.Attribute):
                operands.insert(0, node.func.value)
            site = self.new("call", node, operands)
            self.within([name], node)
            node.func = _hook("calling", ast.Constant(site), node.func)
            return node
        self.within([name], node)
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
        node.func = _hook("showing", ast.Constant(index), node.func)
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
        site.literals.append(_literal(value))
        position = len(site.texts) - 1
        self.context.append("print")
        inner = self.expression(value)
        self.context.pop()
        return ast.copy_location(_hook("part", ast.Constant(index), ast.Constant(position), inner), value)

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
        return _hook("said", ast.Constant(index), joined) if alone else joined

    def _format(self, node: ast.Call, template: str) -> ast.AST:
        index, alone = self._outer(node)
        words = re.split(r"\{[^{}]*\}", template)
        for argument, label in zip([*node.args, *(word.value for word in node.keywords)], words, strict=False):
            self._label(index, label)
            if not isinstance(argument, ast.Starred):
                _replace(node, argument, self._part(argument, index))
        return _hook("said", ast.Constant(index), node) if alone else node

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
        return _hook("said", ast.Constant(index), node) if alone else node


def _replace(call: ast.Call, old: ast.expr, new: ast.expr) -> None:
    call.args = [new if argument is old else argument for argument in call.args]
    for keyword in call.keywords:
        if keyword.value is old:
            keyword.value = new


def _is_template(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return isinstance(node.func.value, ast.Constant) and isinstance(node.func.value.value, str)
    return isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)


def _literal(node: ast.expr) -> str | None:
    """The digits of a number that is written out, as `-0.25` or `[1.5, 2]`; None for anything computed."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return ast.unparse(node)


# -- where a name is settled ------------------------------------------------------------------------------------------


def _hook_names(block: list[ast.stmt], sites: list[Site], *, inner: bool = False) -> None:
    """Insert hooks into a block, and into the blocks and function bodies inside it.

    In an inner block, a name is settled only if the block writes its whole value: what a loop adds to, or fills bit by
    bit, is settled after the loop.
    """
    settled: dict[int, list[tuple[str, bool]]] = {}
    last: dict[str, tuple[int, bool]] = {}  # where a name was written last, and whether its whole value was
    for position, statement in enumerate(block):
        for name, full in _whole_writes(statement).items():
            if full and name in last:
                settled.setdefault(last[name][0], []).append((name, last[name][1]))
            if full or name in last or not inner:
                last[name] = (position, full or last.get(name, (0, False))[1])
    for name, (position, whole) in last.items():
        settled.setdefault(position, []).append((name, whole))
    for statement in list(block):
        scope = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for nested in _blocks(statement):
            _hook_names(nested, sites, inner=not scope)
    for position in sorted(settled, reverse=True):
        outside = [(name, whole) for name, whole in settled[position] if not _settles_inside(block[position], name)]
        block[position + 1 : position + 1] = [_named(name, whole, block[position], sites) for name, whole in outside]


def _whole_writes(statement: ast.stmt) -> dict[str, bool]:
    """Each name that a statement writes to, and whether it writes the whole value at least once."""
    found: dict[str, bool] = {}
    for name, full in _writes(statement):
        found[name] = found.get(name, False) or full
    return found


def _named(name: str, whole: bool, statement: ast.stmt, sites: list[Site]) -> ast.stmt:
    line = getattr(statement, "lineno", 0)
    sites.append(Site("name", line, [name], [_assigned_literal(statement)], accumulates=not whole))
    parts = name.split(".")
    value: ast.expr = ast.Name(parts[0], ast.Load())
    owner = value
    for part in parts[1:]:
        owner, value = value, ast.Attribute(value, part, ast.Load())
    arguments = [ast.Constant(len(sites) - 1), value, *([owner] if len(parts) > 1 else [])]
    return ast.copy_location(ast.Expr(_hook("named", *arguments)), statement)


def _assigned_literal(statement: ast.stmt) -> str | None:
    value = getattr(statement, "value", None)
    return _literal(value) if isinstance(statement, ast.Assign) and value is not None else None


def _writes(statement: ast.stmt) -> Iterator[tuple[str, bool]]:
    """The derivative-like names that a statement writes to, with True where it writes the whole value."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    if isinstance(statement, ast.Assign):
        read = {ast.unparse(node) for node in ast.walk(statement.value) if isinstance(node, ast.Name | ast.Attribute)}
        for target in statement.targets:
            for name, full in _targets(target):
                yield name, full and name not in read
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield from _targets(statement.target)
    elif isinstance(statement, ast.AugAssign):
        for name, _ in _targets(statement.target):
            yield name, False
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if isinstance(function, ast.Attribute) and function.attr.endswith("_") and not function.attr.endswith("__"):
            for name, _ in _targets(function.value):
                yield name, False
    for block in _blocks(statement):
        for inner in block:
            yield from _writes(inner)


def _targets(target: ast.expr) -> Iterator[tuple[str, bool]]:
    if isinstance(target, ast.Tuple | ast.List):
        for item in target.elts:
            yield from _targets(item)
        return
    full = True
    while isinstance(target, ast.Subscript | ast.Starred):
        target, full = target.value, False
    if isinstance(target, ast.Name) and is_derivative_name(target.id):
        yield target.id, full
    elif isinstance(target, ast.Attribute):
        if target.attr in {"data", "T", "mT"}:
            yield from ((name, False) for name, _ in _targets(target.value))
        elif ATTRIBUTE.match(target.attr) or (is_derivative_name(target.attr) and target.attr not in {"data", "dtype"}):
            path = ast.unparse(target)
            if re.fullmatch(r"[A-Za-z_][\w.]*", path):
                yield path, full


def _settles_inside(statement: ast.stmt, name: str) -> bool:
    """Whether a compound statement writes the whole value itself, so that it is settled within."""
    return bool(_blocks(statement)) and any(
        written == name and full for block in _blocks(statement) for inner in block for written, full in _writes(inner)
    )


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    blocks += [handler.body for handler in getattr(statement, "handlers", [])]
    blocks += [case.body for case in getattr(statement, "cases", [])]
    return [block for block in blocks if block]
