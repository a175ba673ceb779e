"""What a step consists of: one of several results; the halves of complex numbers."""

from __future__ import annotations

from chainrule.native.formulas import IMAG, REAL
from chainrule.native.halves import joined
from chainrule.native.lowering import Lowering, NotLowerableError, Value
from chainrule.native.registry import rule
from chainrule.native.scalar import Expression, Half, Memory, Place
from chainrule.program.deferred import Deferred
from chainrule.program.recording import part_of_several


@rule(part_of_several)
def _part(low: Lowering, step: Deferred, whole: Deferred, place: int) -> Value:
    return low.value(whole).several[place]


@rule(REAL, IMAG)
def _half(low: Lowering, step: Deferred, array: Deferred) -> Value:
    source = low.value(array).source
    if not isinstance(source, Memory):
        raise NotLowerableError("half of an array that is not in memory")
    return low.memory(Half(source, int(step.function is IMAG), step.dtype))


@rule(joined)
def _joined(low: Lowering, step: Deferred, real: Deferred, imag: Deferred) -> Value:
    def read(place: Place) -> Expression:
        raise NotLowerableError("complex numbers as one")

    return Value(step.shape, step.dtype, read, several=[low.value(half) for half in (real, imag)])
