"""One of the results of a step that has several."""

from __future__ import annotations

from chainrule.native.lowering import Lowering, Value
from chainrule.native.registry import rule
from chainrule.program.deferred import Deferred
from chainrule.program.recording import part_of_several


@rule(part_of_several)
def _part(low: Lowering, step: Deferred, whole: Deferred, place: int) -> Value:
    return low.value(whole).several[place]
