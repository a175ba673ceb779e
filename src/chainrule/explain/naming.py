"""How things are called in formulas: variables, sizes, derivatives; in text, in LaTeX, and in Python."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from math import isqrt

from chainrule.explain.arguments import Argument
from chainrule.explain.computation import Computation, Step
from chainrule.explain.form import Coefficient
from chainrule.explain.indexed import below, brackets
from chainrule.explain.symbols import helper_names
from chainrule.linear.notation import small

__all__ = ["Naming", "latex_name"]

_GREEK = frozenset(
    """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi
    omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega""".split()
)
_PARTS = re.compile(r"([A-Za-z]+)_?(\d*)")
_LETTERS = "uvpqabceg"  # for what has no better name
_SIZES = "NDKMPRSTQ"
_HIGH = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ESCAPED = re.compile(r"([_#%&${}~^\\])")


def latex_name(name: str) -> str:
    """A variable in LaTeX.

    >>> latex_name("W1"), latex_name("gamma"), latex_name("x_hat"), latex_name("pred")
    ('W_{1}', '\\\\gamma', '\\\\mathit{x\\\\_hat}', '\\\\mathit{pred}')
    """
    found = _PARTS.fullmatch(name)
    if found:
        letters, digits = found.groups()
        below = f"_{{{digits}}}" if digits else ""
        if letters in _GREEK:
            return f"\\{letters}{below}"
        return f"{letters}{below}" if len(letters) == 1 else f"\\mathit{{{letters}}}{below}"
    escaped = _ESCAPED.sub(r"\\\1", name)
    return f"\\mathit{{{escaped}}}"


def _identifier(name: str, number: str = "") -> str:
    """A name that Python takes."""
    found = re.sub(r"\W+", "_", name).strip("_") + number
    return found if found.isidentifier() and not keyword.iskeyword(found) else f"v_{found}"


def _last_word(path: str) -> str:
    """``W_0`` for ``params[0]["W"]``: the last word and the numbers."""
    words = re.findall(r"\w+", path)
    last = [word for word in words if not word.isdigit()][-1]
    return "_".join([last, *[word for word in words if word.isdigit()]])


Told = tuple[str, str, str]  # in text, LaTeX and Python


def _root(number: int) -> list[Told]:
    """√n, as a whole number where it is one; nothing for 1."""
    root = isqrt(number)
    if root * root == number:
        return [] if root == 1 else [(str(root),) * 3]
    return [(f"√{number}", rf"\sqrt{{{number}}}", f"np.sqrt({number})")]


def _decimals(number: float, digits: int) -> tuple[str, str]:
    """A number with some of its digits in text and LaTeX: 0.1, and 10⁻⁵ where Python writes 1e-05."""
    mantissa, _, exponent = f"{number:.{digits}g}".partition("e")
    if not exponent:
        return mantissa, mantissa
    before, before_latex = ("", "") if mantissa == "1" else (f"{mantissa}·", rf"{mantissa} \cdot ")
    power = str(int(exponent))
    return f"{before}10{power.translate(_HIGH)}", rf"{before_latex}10^{{{power}}}"


class Naming:
    """The names of one computation's values and sizes.

    ``integers`` are the user's own names for whole numbers (N = 7): where such a number is the size of an axis,
    formulas use the name. Other sizes get letters in the order in which they are asked for; ``sizes`` says what they
    stand for.
    """

    def __init__(self, computation: Computation, integers: Mapping[str, int] | None = None, function: str = "") -> None:
        self.computation = computation
        output = computation.outputs[0]
        fallback = function if function.isidentifier() else "f"
        self._python: dict[Step, str] = {}
        self._derivatives: dict[Step, str] = {}
        self.output = self.text(output) if output.name and not output.is_input else fallback
        self.output_latex = self.latex(output) if output.name and not output.is_input else latex_name(fallback)
        self.sizes: dict[int, str] = {}
        self._order: dict[int, int] = {}  # the sizes in the order in which the arguments have them
        given = {s.shape[0] for s in computation.steps if s.operation is None and len(s.shape) > 1}  # rows of matrices
        made = [s.shape[0] for s in computation.steps if s.operation is not None and s.shape and s.shape[0] > 1]
        rows = Counter([size for size in made if size in given] or made)
        shapes = [step.shape for step in computation.inputs.values()]
        for size in [*[size for size, _ in rows.most_common(1)], *[size for shape in shapes for size in shape]]:
            if size > 1:
                self._order.setdefault(size, len(self._order))
        self._users = {value: name for name, value in (integers or {}).items() if value > 1}
        self._taken = {step.name for step in computation.steps if step.name} | set(integers or {}) | {self.output}
        self.names = frozenset(step.name for step in computation.steps if step.name)
        self._used: set[str] = {"np", "scipy", *helper_names()}
        self._parameters = {
            argument.name: self.unused(_identifier(argument.name)) for argument in computation.parameters
        }
        self._paths = {
            name: leaf.path.replace(argument.name, self._parameters[argument.name], 1)
            for argument in computation.parameters
            for name, leaf in argument.arrays.items()
        }
        self._short: dict[str, str] = {}  # entries of dicts, which have a variable of their own

    # -- values -------------------------------------------------------------------------------------------------------

    def text(self, step: Step) -> str:
        """A value in text: ``h``, ``h₂``."""
        if not step.name:
            if step in self.computation.outputs:
                return self.output
            return f"v{small(max(step.number, 0))}"
        return step.name + ("" if step.occurrence is None else small(step.occurrence))

    def latex(self, step: Step) -> str:
        """A value in LaTeX."""
        if not step.name:
            if step in self.computation.outputs:
                return self.output_latex
            return f"v_{{{step.number}}}"
        name = latex_name(step.name)
        if step.occurrence is None:
            return name
        return f"{name}_{{{step.occurrence}}}" if "_{" not in name else f"{{{name}}}^{{({step.occurrence})}}"

    def python(self, step: Step) -> str:
        """A value in Python: a name that no other value has."""
        found = self._python.get(step)
        if found is None:
            leaf = self.computation.leaf(step)
            if leaf:
                found = self._leaf(leaf)
            else:
                number = "" if step.occurrence is None else f"_{step.occurrence}"
                found = self.unused(_identifier(step.name or f"v{max(step.number, 0)}", number))
            self._python[step] = found
        return found

    def _leaf(self, name: str) -> str:
        """An array of an argument: by its key in a dict where that is a name of its own, else where it is."""
        if self._paths[name] in self._parameters.values() or not name.isidentifier():
            return self._paths[name]
        if name not in self._short:
            self._short[name] = self.unused(_identifier(name))
        return self._short[name]

    def place(self, step: Step) -> str:
        """How Python gets at an array of an argument, or at another value by its name."""
        leaf = self.computation.leaf(step)
        return self._paths[leaf] if leaf else self.python(step)

    def path(self, name: str) -> str:
        """How Python gets at an array of an argument."""
        return self._paths[name]

    def parameter(self, argument: Argument) -> str:
        """An argument in Python."""
        return self._parameters[argument.name]

    def unpacked(self) -> list[tuple[str, str]]:
        """The entries of dicts that have a variable of their own, and how Python gets at them."""
        return [(short, self._paths[name]) for name, short in self._short.items()]

    def afresh(self) -> Naming:
        """The same names on paper, and new ones in Python."""
        copied = copy(self)
        copied._python, copied._derivatives, copied._short = {}, {}, {}
        copied._used = {"np", "scipy", *helper_names(), *self._parameters.values()}
        return copied

    @contextmanager
    def saying(self, values: Mapping[Step, str], derivatives: Mapping[Step, str]) -> Iterator[None]:
        """Call some values and derivatives otherwise in Python."""
        before = self._python, self._derivatives
        self._python, self._derivatives = {**before[0], **values}, {**before[1], **derivatives}
        try:
            yield
        finally:
            new = self._python, self._derivatives
            for old, now, said in zip(before, new, (values, derivatives), strict=True):
                old.update({step: name for step, name in now.items() if step not in said})
            self._python, self._derivatives = before

    def derive_as(self, step: Step, name: str) -> None:
        """Call the derivative of a step so in Python."""
        self._derivatives[step] = name

    def unused(self, name: str) -> str:
        """The name, or one like it that nothing else has; without a name a letter."""
        if not name:
            name = next((letter for letter in _LETTERS if letter not in self._used | self._taken), "v")
        while name in self._used or keyword.iskeyword(name):
            name += "_"
        self._used.add(name)
        return name

    def python_of(self, step: Step) -> str:
        """A value in Python, or the output by its name."""
        is_output = step in self.computation.outputs and not step.name
        return self.output if is_output else self.python(step)

    # -- derivatives --------------------------------------------------------------------------------------------------

    def _upstream(self) -> tuple[str, str]:
        """What is differentiated: the output if it is one number, else L, something that depends on it."""
        output = self.computation.outputs[0]
        if output.value.size == 1:
            return self.output, self.output_latex
        free = next(letter for letter in ("L", "E", "Q", "Loss") if letter not in self._taken)
        return free, free

    def jacobian(self, step: Step) -> tuple[str, str, str]:
        """The Jacobian of the output with respect to a step in text, LaTeX and Python."""
        latex = rf"\frac{{\partial {self.output_latex}}}{{\partial {self.latex(step)}}}"
        return f"∂{self.output}/∂{self.text(step)}", latex, "J"

    def jacobian_entry(self, out: Step, step: Step, row: Sequence[str], column: Sequence[str]) -> tuple[str, str]:
        """∂z[i]/∂h[j] in text and LaTeX."""
        is_output = not out.name and out in self.computation.outputs
        name, latex = (self.output, self.output_latex) if is_output else (self.text(out), self.latex(out))
        text = f"∂{name}{brackets(row)}/∂{self.text(step)}{brackets(column)}"
        return text, rf"\frac{{\partial {below(latex, row)}}}{{\partial {below(self.latex(step), column)}}}"

    def second_derivative(
        self, row: Step, column: Step, indices: Sequence[Sequence[str]] = ((), ())
    ) -> tuple[str, str, str]:
        """The second derivative with respect to two steps, or entries of these, in text, LaTeX and Python."""
        if row is column and not any(indices):
            told, latex = f"∂{self.text(row)}²", rf"\partial {{{self.latex(row)}}}^2"
        else:
            steps = list(zip((row, column), indices, strict=True))
            told = "".join([f"∂{self.text(step)}{brackets(index)}" for step, index in steps])
            latex = r"\, ".join([rf"\partial {below(self.latex(step), index)}" for step, index in steps])
        return f"∂²{self.output}/{told}", rf"\frac{{\partial^2 {self.output_latex}}}{{{latex}}}", "H"

    def derivative_text(self, step: Step) -> str:
        """∂L/∂h."""
        return f"∂{self._upstream()[0]}/∂{self.text(step)}"

    def derivative_latex(self, step: Step) -> str:
        """∂L/∂h as a fraction."""
        return rf"\frac{{\partial {self._upstream()[1]}}}{{\partial {self.latex(step)}}}"

    def derivative_entry(self, step: Step, index: Sequence[str]) -> tuple[str, str]:
        """∂L/∂h[i] in text and LaTeX."""
        latex = rf"\frac{{\partial {self._upstream()[1]}}}{{\partial {below(self.latex(step), index)}}}"
        return self.derivative_text(step) + brackets(index), latex

    def derivative_python(self, step: Step) -> str:
        """``dh``: a name that no value has."""
        found = self._derivatives.get(step)
        if found is None:
            unnamed = not step.name and step in self.computation.outputs
            name = f"d{self.output if unnamed else _last_word(self.python(step))}"
            while name in self._taken or name in self._used:
                name += "_"
            self._used.add(name)
            found = self._derivatives[step] = name
        return found

    def derivative(self, step: Step) -> tuple[str, str, str]:
        """The derivative with respect to a step in text, LaTeX and Python."""
        return self.derivative_text(step), self.derivative_latex(step), self.derivative_python(step)

    # -- sizes and numbers --------------------------------------------------------------------------------------------

    def size(self, value: int) -> str:
        """The letter for a size: the first axis of the first argument is N."""
        found = self.sizes.get(value)
        if found is None:
            found = self._users.get(value)
            if found is None:
                free = [letter for letter in _SIZES if letter not in self._taken]
                place = self._order.setdefault(value, len(self._order))
                found = free[place] if place < len(free) else f"n{small(value)}"
            self.sizes[value] = found
        return found

    def free_letter(self, letters: str, taken: Container[str]) -> str:
        """The first of some letters that nothing else is called."""
        used = self._taken | set(self.sizes.values())
        return next((letter for letter in letters if letter not in used and letter not in taken), f"{letters[0]}_")

    def size_in_python(self, value: int) -> str:
        """A size in Python: by its letter, if formulas use one."""
        return self.sizes.get(value) or str(value)

    def number(self, coefficient: Coefficient) -> tuple[str, str, str]:
        """The magnitude of a coefficient in text, LaTeX and Python; empty strings for 1."""
        over, under = self._fraction(coefficient)
        if not over and not under:
            return "", "", ""
        tops = [" ".join([told[k] for told in over]) or "1" for k in (0, 1)]
        bottoms = [" ".join([told[k] for told in under]) for k in (0, 1)]
        wrapped = f"({bottoms[0]})" if len(under) > 1 else bottoms[0]
        text = tops[0] if not under else f"{tops[0]}/{wrapped}"
        latex = tops[1] if not under else rf"\frac{{{tops[1]}}}{{{bottoms[1]}}}"
        top, bottom = " * ".join([told[2] for told in over]) or "1", " * ".join([told[2] for told in under])
        bottom = f"({bottom})" if len(under) > 1 else bottom
        return text, latex, top if not under else f"{top} / {bottom}"

    def _fraction(self, coefficient: Coefficient) -> tuple[list[Told], list[Told]]:
        """The factors above and below the line, each in text, LaTeX and Python."""
        number, over, under = abs(coefficient.number), list[Told](), list[Told]()
        for size, power in sorted(coefficient.sizes, key=lambda pair: self._order.get(pair[0], pair[0])):
            (over if power > 0 else under).extend([(self.size(size),) * 3] * abs(power))
        if number.denominator > 10_000 or number.numerator > 10**7:
            squared = (number * number).limit_denominator(10_000)
            if abs(float(squared) - float(number) ** 2) > 1e-14 * float(number) ** 2:
                return [(*_decimals(float(number), 4), repr(float(number))), *over], under
            return [*_root(squared.numerator), *over], [*_root(squared.denominator), *under]
        if number.denominator > 4 and 10**6 % number.denominator == 0:  # as decimals are written
            return [(*_decimals(float(number), 6), f"{float(number):g}"), *over], under
        if number.numerator != 1:
            over.insert(0, (str(number.numerator),) * 3)
        if number.denominator != 1:
            under.insert(0, (str(number.denominator),) * 3)
        return over, under
