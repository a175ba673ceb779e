"""Every sample of PyTorch's database of operations that NumPy or SciPy has a function for, compared with PyTorch."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import pytest

from tests.oracle.opinfo.apart import LEFT_OUT, reason_for
from tests.oracle.opinfo.sampling import outcomes
from tests.oracle.opinfo.shared import SHARED

pytest.importorskip("expecttest", reason="the database needs expecttest: pip install -e '.[opinfo]'")

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]


@cache
def database() -> dict[str, Any]:
    """The entries by name, with the variant behind a stroke."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("torch.testing._internal.common_methods_invocations")
    return {"/".join(filter(None, (op.name, op.variant_test_name))): op for op in module.op_db}


@pytest.mark.parametrize("name", SHARED)
def test_an_entry(name: str, record_property: Any) -> None:
    found = list(outcomes(pytest.importorskip("torch"), database()[name], name, SHARED[name]))
    assert found
    wrong = []
    for sample, faults in found:
        reasons = {part: reason_for(name, part, fault) for part, fault in faults.items()}
        kind = "right" if not faults else "explained" if all(reasons.values()) else "wrong"
        if kind == "wrong" and all("Error: " in fault for fault in faults.values()):
            kind = "clear error"
        record_property("sample", (name, kind, sorted(set(reasons.values()))))
        if kind not in ("right", "explained"):
            wrong.append((sample, faults))
    assert wrong == []


def test_every_entry_is_compared_or_left_out_for_a_reason() -> None:
    left_out = [name for names in LEFT_OUT.values() for name in names.split()]
    assert sorted([*SHARED, *left_out]) == sorted(database())
