"""Prints a computation with a loop as a person would: a loop forward that keeps values, and a loop backward.

The formulas are those of one turn in the middle; the numbers in which the next turn differs run with it. What the turns
hand to each other has one variable for its derivative, which every turn takes over from the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from chainrule.explain.arrange import Arranger
from chainrule.explain.atoms import Value, atoms_in
from chainrule.explain.computation import Step
from chainrule.explain.form import Form
from chainrule.explain.header import says_turns
from chainrule.explain.recurrence import Recurrence
from chainrule.explain.running import NotRegularError, Running

__all__ = ["Looped"]

_PLACE = re.compile(r"[\w.]+(\[(?:[^\[\]]|\[\w+\])+\])+")
_OWN = re.compile(r"[^\[]+(\[[^\[]*\])*\[(\d+ - |\d+ \* )?\w( [+-] \d+)?[\],].*")  # the place of one turn alone
_TURN = "tkijn"  # for the number of a turn
_LETTERS = "zasuq"  # for what has no name
_LINE = 100


@dataclass(frozen=True)
class _Addition:
    """What every turn adds to the derivative of a value outside; ``alone`` where the turn is the only one that does."""

    step: Step
    form: Callable[[int], Form | None]
    alone: bool = False


class Looped:
    """The ``lines`` of a function with a loop; ``returned`` are the gradients that are lists which the loop fills.

    If it is ``thorough``, all turns are looked at to say which numbers run, and not only two. Raises `NotRegularError`
    where the turns are not alike.
    """

    def __init__(self, recurrence: Recurrence, arranger: Arranger, *, thorough: bool = False) -> None:
        self.chain = recurrence
        self.loop = recurrence.loop
        self.reader = recurrence.reader
        self.arranger = arranger
        self.naming = arranger.naming
        middle, count = self.loop.middle, len(self.loop.turns)
        self.t = next((letter for letter in _TURN if letter not in self.naming.names), "turn")
        turns = range(count) if thorough else (middle, middle + 1)
        self.running = Running(turns, middle, count, self.naming.unused, self.t)
        self._numbers = self._numbers_of_turns()
        self.returned: dict[str, str] = {}
        self._places: dict[int, str] = {}
        self._letters: dict[int, str] = {}
        self._kept: dict[int, str] = {}  # the lists of values that the way back needs
        self._local: dict[int, str] = {}
        self._derivatives: dict[int, str] = {}
        lists = self._lists()
        for offset in recurrence.offsets:
            if not self._place(offset):
                self._derivatives[offset] = self._derivative(offset)
        self.additions = self._additions()
        outer = [s for s in recurrence.sweep.steps if s not in self.loop.place]
        outer = [s for s in reversed(outer) if s in recurrence.needed or s in recurrence.wanted]
        values = self._settled(outer)
        lines = self._counted([*self._forward(values), *lists, *self._backward(outer)])
        self.lines = [*[f"{name} = {numbers}" for numbers, name in self.running.lists.items()], *lines]

    # -- names --------------------------------------------------------------------------------------------------------

    def _base(self, offset: int) -> str:
        """What a step of a turn is called; one without a name gets a letter of its own."""
        name = re.sub(r"\W+", "_", self.loop.turns[self.loop.middle][offset].name)
        if not name and offset not in self._letters:
            taken = {*self.naming.names, *self._letters.values()}
            self._letters[offset] = next((letter for letter in _LETTERS if letter not in taken), f"v{offset}")
        return name or self._letters[offset]

    def _derivative(self, offset: int) -> str:
        """The variable for the derivative of a step of a turn; what is handed on may be called as it was initially."""
        name, start = f"d{self._base(offset)}", self.chain.initial.get(offset)
        if start in self.chain.wanted and self.naming.derivative_python(start) == name:
            return name
        return self.naming.unused(name)

    def _numbers_of_turns(self) -> list[dict[Step, str]]:
        """The numbers from outside that each turn has of its own, written out."""
        found: list[dict[Step, str]] = [{} for _ in self.loop.turns]
        for *_, taken in self.loop.taken():
            if len(set(taken)) > 1 and all(step.is_constant and not step.shape for step in taken):
                self.running.known[tuple([float(step.value) for step in taken])] = taken[0].name
                for turn, step in enumerate(taken):
                    number = float(step.value)
                    found[turn][step] = f"{number:.0f}" if number.is_integer() else repr(number)
        return found

    def _place(self, offset: int) -> str:
        """The entry of a value outside that a step is, as ``x[t]``; empty if it is something else."""
        found = self._places.get(offset)
        if found is None:
            found = ""
            if self.chain.is_outside(offset):
                text = self._defined(offset)
                found = text if _PLACE.fullmatch(text) else ""
            self._places[offset] = found
        return found

    def _saying(self, turn: int | None) -> AbstractContextManager[None]:
        """Call the steps of the loop what they are called in a turn, or outside."""
        values: dict[Step, str] = {}
        derivatives: dict[Step, str] = {}
        last = len(self.loop.turns) - 1
        for k in range(last + 1) if turn is None else range(max(turn - 1, 0), turn + 1):
            for offset, step in enumerate(self.loop.turns[k]):
                shift = offset in self.chain.initial
                if offset in self._kept:
                    running = (f"{self.t} - 1", self.t, f"{self.t} + 1")[k - (turn or k) + shift + 1]
                    where = running if turn is not None else "-1" if k == last else str(k + shift)
                    values[step] = f"{self._kept[offset]}[{where}]"
                if k == turn and offset in self._derivatives:
                    derivatives[step] = self._derivatives[offset]
                if k == turn and (self._places.get(offset) or offset in self._local):
                    values[step] = self._places.get(offset) or self._local[offset]
        if turn is not None:
            values |= self._numbers[turn]
        if turn == 0:
            values |= {
                self.chain.initial[o]: f"{kept}[{self.t}]" for o, kept in self._kept.items() if o in self.chain.initial
            }
        return self.naming.saying(values, derivatives)

    # -- text ---------------------------------------------------------------------------------------------------------

    def _running(self, told: Callable[[int], str]) -> str:
        """A text in which the numbers that change from turn to turn are said with t."""
        texts = {}
        for turn in self.running.turns:
            with self._saying(turn):
                try:
                    texts[turn] = told(turn)
                except NotRegularError:
                    if turn in (self.loop.middle, self.loop.middle + 1):
                        raise
        return self.running.text(texts)

    def _formula(self, form: Callable[[int], Form | None]) -> str:
        """The formula that each turn has, with t."""
        return self._running(lambda turn: self._written(form(turn)))

    def _defined(self, offset: int) -> str:
        return self._formula(lambda turn: self.reader.define(self.loop.turns[turn][offset]))

    def _written(self, form: Form | None) -> str:
        if form is None:
            raise NotRegularError
        return self.arranger.exact(form).python

    def _outside(self, form: Form) -> str:
        with self._saying(None):
            return self._written(form)

    def _counted(self, lines: Sequence[str]) -> list[str]:
        """The number of turns said as it is in the function, or as the length of an argument all of which is taken."""
        turns = len(self.loop.turns)
        said = says_turns(self.loop.turns[0][-1], turns)
        if said == str(turns):
            return list(lines)
        for argument in self.reader.computation.parameters:
            if said == argument.name and type(argument.value) is int and argument.value == turns:
                return [line.replace(f"range({turns})", f"range({said})") for line in lines]
        for argument in self.reader.computation.parameters:
            name = self.naming.parameter(argument)
            long = isinstance(argument.value, list | tuple) or bool(getattr(argument.value, "shape", ()))
            if long and len(argument.value) == turns and any(_reads(line, f"{name}[{self.t}]") for line in lines):
                return [line.replace(f"range({turns})", f"range(len({name}))") for line in lines]
        first = f"for {self.t} in range({turns}):"
        return [f"{line}  # this holds for {turns} turns" if line == first else line for line in lines]

    # -- what every turn adds -----------------------------------------------------------------------------------------

    def _lists(self) -> list[str]:
        """Lists for the gradients of arguments of which every turn takes its own entry, as they are before the loop."""
        k = self.loop.middle
        moving = {taken[k] for *_, taken in self.loop.taken() if taken[k] is not taken[k + 1]}
        computation, lines = self.reader.computation, list[str]()
        for argument in computation.arguments_of([step for step in self.chain.wanted if step in moving]):
            name, tree = self.naming.parameter(argument), argument.tree
            kinds = {type(entry) for entry in tree} if type(tree) in (list, tuple) else set()
            if kinds not in ({dict}, {str}):
                raise NotRegularError
            lines.append(f"d{name} = [{{}} for _ in {name}]" if kinds == {dict} else f"d{name} = [None] * len({name})")
            self.returned[argument.name] = f"d{name}" if isinstance(tree, list) else f"tuple(d{name})"
            for step in self.chain.wanted:
                if computation.leaf(step) in argument.arrays:
                    self.naming.derive_as(step, f"d{self.naming.place(step)}")
        return lines

    def _additions(self) -> dict[str, _Addition]:
        """What every turn adds to the derivatives of values outside, by what it is added to."""
        found: dict[str, _Addition] = {}
        for offset, consumer in enumerate(self.loop.turns[self.loop.middle]):
            for position, step in enumerate(consumer.arguments):
                if step not in self.loop.place and (step in self.chain.needed or step in self.chain.wanted):
                    target, addition = self._addition(offset, position, step)
                    found[target] = addition
        order = [*self.chain.wanted, *self.chain.needed]
        return dict(sorted(found.items(), key=lambda pair: order.index(pair[1].step)))

    def _addition(self, offset: int, position: int, step: Step) -> tuple[str, _Addition]:
        value, name, place = self.naming.python(step), self.naming.derivative_python(step), self._place(offset)
        if place.startswith(f"{value}["):
            target = name + place[len(value) :]
            uses = [part for part in self.chain.sweep.found[step].parts if part[0] in self.loop.place]
            same = [k for k in range(len(self.loop.turns[0])) if self._place(k) == place]
            alone = len(uses) == len(self.loop.turns) * len(same) and _OWN.fullmatch(target) is not None
            return target, _Addition(step, lambda turn: self.chain.chosen(turn, same), alone)
        if self.loop.turns[self.loop.middle + 1][offset].arguments[position] is step:
            return name, _Addition(step, lambda turn: self.chain.used(turn, step, lambda o: bool(self._place(o))))

        def own(turn: int) -> Step:
            return self.loop.turns[turn][offset].arguments[position]

        target = self._running(lambda turn: self.naming.derivative_python(own(turn)))
        return target, _Addition(step, lambda turn: self.chain.used(turn, own(turn), lambda _: False), True)

    # -- forward ------------------------------------------------------------------------------------------------------

    def _settled(self, outer: Sequence[Step]) -> set[Step]:
        """The values that are needed, those of the loop by one of them; what is kept of these gets a list."""
        found: set[Step] = set()
        kept: set[int] = set()
        pending = [(False, form) for form in self._formulas(outer) if form is not None]
        while pending:
            inside, form = pending.pop()
            for step in [a.step for a in atoms_in(form) if isinstance(a, Value) and a.step.operation is not None]:
                offset = self.loop.offset(step)
                if offset is not None:
                    kept |= {offset} if not inside or offset in self.chain.initial else set()
                    step = self.loop.turns[self.loop.middle][offset]
                if step in found:
                    continue
                found.add(step)
                pending.append((offset is not None, self.reader.define(step)))
                if offset in self.chain.initial:
                    pending.append((False, self.reader.refer(self.chain.initial[offset])))
        for offset in sorted({self.loop.place[step][1] for step in found if step in self.loop.place}):
            if offset in kept and not self._place(offset):
                self._kept[offset] = self.naming.unused(f"{self._base(offset)}s")
            elif not self._place(offset):
                self._local[offset] = self.naming.unused(self._base(offset))
        return found

    def _formulas(self, outer: Sequence[Step]) -> list[Form | None]:
        """The formulas of the way back."""
        chain = self.chain
        told = [added.form(self.loop.middle) for added in self.additions.values()]
        for offset in self._derivatives:
            told.append(chain.own(self.loop.middle, offset))
            told += [chain.handed(self.loop.middle, offset), chain.final(offset)] if offset in chain.initial else []
        for step in outer:
            told += [chain.late(step), chain.early(step)] if chain.enters(step) else [chain.sweep.found[step].chosen]
        return told

    def _forward(self, values: set[Step]) -> list[str]:
        outer = sorted([step for step in values if step not in self.loop.place], key=lambda step: step.number)
        lines = [self._definition(step) for step in outer if step.number < self.loop.first]
        starts: list[tuple[str, str]] = []
        body: list[str] = []
        for offset in sorted([*self._kept, *self._local]):
            told = self._defined(offset)
            if offset in self._kept:
                start = self.chain.initial.get(offset)
                starts.append((self._kept[offset], f"[{self._outside(self.reader.refer(start)) if start else ''}]"))
                body.append(f"{self._kept[offset]}.append({told})")
            else:
                body.append(f"{self._local[offset]} = {told}")
        if body:
            lines += [*_together(starts), f"for {self.t} in range({len(self.loop.turns)}):", *_indented(body)]
        return lines + [self._definition(step) for step in outer if step.number > self.loop.first]

    def _definition(self, step: Step) -> str:
        return f"{self.naming.python(step)} = {self._outside(self.reader.define(step))}"

    # -- backward -----------------------------------------------------------------------------------------------------

    def _backward(self, outer: Sequence[Step]) -> list[str]:
        body = self._turn()
        chosen = self.chain.sweep.found
        behind = [step for step in outer if step.number > self.loop.first]
        lines = [f"{self.naming.derivative_python(s)} = {self._outside(chosen[s].chosen)}" for s in behind]
        lines += _together([*self._finals(), *self._sums()])
        lines += [f"for {self.t} in reversed(range({len(self.loop.turns)})):", *_indented(body)]
        for step in outer:
            name = self.naming.derivative_python(step)
            told = self._before(step) if self.chain.enters(step) else self._outside(chosen[step].chosen)
            if step not in behind and told not in (name, ""):
                lines.append(f"{name} = {told}")
        return lines

    def _finals(self) -> list[tuple[str, str]]:
        """What the last values that turns hand on get from behind the loop."""
        told = []
        for offset, name in self._derivatives.items():
            if offset in self.chain.initial:
                form = self.chain.final(offset)
                zeros = f"np.zeros_like({self.naming.python(self.chain.initial[offset])})"
                told.append((name, zeros if form is None else self._outside(form)))
        return [(name, text) for name, text in told if name != text]

    def _sums(self) -> list[tuple[str, str]]:
        """What the derivatives that the turns add to are before."""
        told = {}
        for target, added in self.additions.items():
            name = self.naming.derivative_python(added.step)
            if target.partition("[")[0] == name or target == name:
                form = self.chain.late(added.step)
                start = f"np.zeros_like({self.naming.python(added.step)})" if form is None else self._outside(form)
                told[name] = start if form is None or target == name else f"np.array({start})"
        return list(told.items())

    def _turn(self) -> list[str]:
        """A turn of the way back."""
        lines = []
        settled: set[str] = set()
        for offset, name in self._derivatives.items():
            if self.chain.own(self.loop.middle, offset) is None:
                continue
            told = self._formula(partial(self.chain.own, offset=offset))
            if offset in self.chain.initial:
                lines.append(_added(name, told, anew=True))
            elif told in settled:  # it is another name for the same
                self._derivatives[offset] = told
            else:
                settled.add(name)
                lines.append(f"{name} = {told}")
        sums = [added.step for added in self.additions.values()]
        for target, added in self.additions.items():
            told = self._formula(added.form)
            only = added.alone and sums.count(added.step) == 1
            whole = target == self.naming.derivative_python(added.step) and self.chain.late(added.step) is not None
            lines.append(f"{target} = {told}" if only else _added(target, told, anew=whole))
        return [*lines, *self._handing()]

    def _handing(self) -> list[str]:
        """The derivatives of what a turn took over, in an order in which none is overwritten before it is read."""
        told = {
            name: self._formula(partial(self.chain.handed, offset=offset))
            for offset, name in self._derivatives.items()
            if offset in self.chain.initial and self.chain.handed(self.loop.middle, offset) is not None
        }
        lines: list[str] = []
        while told:
            free = [name for name in told if not any(_reads(text, name) for n, text in told.items() if n != name)]
            if not free:
                return [*lines, f"{', '.join(told)} = {', '.join(told.values())}"]
            text = told.pop(free[0])
            lines += [f"{free[0]} = {text}"] if text != free[0] else []
        return lines

    def _before(self, step: Step) -> str:
        """The derivative of a step from before the loop, when the loop is done."""
        name, chain = self.naming.derivative_python(step), self.chain
        summed = any(added.step is step for added in self.additions.values())
        told = [name] if summed else []
        told += [d for o, d in self._derivatives.items() if chain.initial.get(o) is step]
        forms = [chain.early(step), None if summed else chain.late(step)]
        return " + ".join(told + [self._outside(form) for form in forms if form is not None and not form.is_zero])


def _added(name: str, text: str, *, anew: bool) -> str:
    """A line that adds to a derivative; ``anew`` where that must not change an array that others may hold."""
    minus = text.startswith("-") and not re.search(r" [+-] ", re.sub(r"\(.*\)|\[.*\]", "", text))
    sign, rest = ("-", text[1:]) if minus else ("+", text)
    return f"{name} = {name} {sign} {rest}" if anew else f"{name} {sign}= {rest}"


def _reads(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) is not None


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _together(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Assignments, those next to each other that fit into one line in one, if no one reads what another one sets."""
    lines: list[list[tuple[str, str]]] = []
    for name, text in pairs:
        row = lines[-1] if lines else []
        wide = sum(len(n) + len(t) + 4 for n, t in [*row, (name, text)]) > _LINE
        if not row or wide or any(_reads(text, before) for before, _ in row):
            lines.append([])
        lines[-1].append((name, text))
    return [f"{', '.join([n for n, _ in row])} = {', '.join([t for _, t in row])}" for row in lines]
