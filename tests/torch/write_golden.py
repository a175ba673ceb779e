"""Writes what PyTorch draws, prints and promotes for the tests to compare with (python -m tests.torch.write_golden)."""

from __future__ import annotations

import base64
import json
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tests.torch import draws, printed

GOLDEN = Path(__file__).parents[1] / "golden"


def random_numbers(torch: Any) -> list[Any]:
    """Every length up to 40 and some longer, for each dtype, and programs of mixed draws."""
    programs: list[tuple[int, list[draws.Step]]] = []
    for dtype in ("float32", "float64", "float16"):
        lengths = [*range(41), 100, 1000, 4099]
        programs.append((0, [["randn", [length], dtype] for length in lengths]))
        programs.append((7, [["rand", [length], dtype] for length in lengths[::5]]))
    programs += [(seed, [["randn", [length], "float32"]]) for seed in range(100, 120) for length in (3, 16, 37)]
    for bits in (8, 27, 28, 31, 32, 33, 62):
        bounds = [(0, 2**bits), (-(2**bits) + 1, 2**bits), (5, 2**bits + 3)]
        programs.append((bits, [["randint", [5], "int64", low, high] for low, high in bounds]))
        programs.append((bits, [["randint", [5], "float32", low, high] for low, high in bounds]))
    programs += [draws.program(random.Random(number)) for number in range(60)]
    return [
        {"seed": seed, "steps": steps, "bits": list(map(draws.fingerprint, draws.run_theirs(torch, seed, steps)))}
        for seed, steps in programs
    ]


def printed_forms(torch: Any) -> list[Any]:
    """Arrays with PyTorch's printed form."""
    cases = []
    for number in range(400):
        choice = random.Random(number)
        values, chosen = printed.array(choice, 60), printed.options(choice)
        past, default = printed.history(choice, values.dtype), choice.choice(["float32", "float32", "float64"])
        cases.append(
            {
                "dtype": str(values.dtype),
                "shape": list(values.shape),
                "bytes": base64.b64encode(values.tobytes()).decode(),
                "options": chosen,
                "past": past,
                "default": default,
                "text": printed.by_torch(torch, values, chosen, past, default),
            }
        )
    return cases


def number_types(torch: Any) -> dict[str, Any]:
    """Tables of promotion and casts, results of mixed operands, and limits."""
    names = ["bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"]
    names += ["float16", "float32", "float64", "complex64", "complex128"]

    def outcome(function: Any, *operands: Any) -> str:
        try:
            return str(function(*operands))
        except RuntimeError as error:
            return str(error).splitlines()[0]

    operands = {f"{name}[{axes}]": np.ones((2,) * axes, name) for name in names for axes in (0, 1)}
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in operands.items()}
    tensors |= {"True": True, "2": 2, "2.5": 2.5, "1j": 1j}
    kinds = {name: getattr(torch, name) for name in names}
    return {
        "names": names,
        "promote": [outcome(torch.promote_types, kinds[a], kinds[b]) for a in names for b in names],
        "cast": [torch.can_cast(kinds[a], kinds[b]) for a in names for b in names],
        "operands": list(tensors),
        "result": [outcome(torch.result_type, a, b) for a in tensors.values() for b in tensors.values()],
        "finfo": {name: _limits(torch.finfo(kinds[name]), ["resolution", "tiny", "eps"]) for name in names[9:]},
        "iinfo": {name: _limits(torch.iinfo(kinds[name]), []) for name in names[1:6]},
        "flags": {
            name: [kind.is_floating_point, kind.is_complex, kind.is_signed, kind.itemsize]
            for name, kind in kinds.items()
        },
    }


def _limits(limits: Any, names: list[str]) -> list[Any]:
    return [repr(limits), *(getattr(limits, name) for name in ["bits", "max", "min", "dtype", *names])]


def main() -> None:
    """Write the three files."""
    warnings.simplefilter("ignore")
    torch = draws.real_torch()
    for name, make in (("random", random_numbers), ("printing", printed_forms), ("dtypes", number_types)):
        made = make(torch)
        items = ",\n".join(map(json.dumps, made)) if isinstance(made, list) else None
        text = f"[\n{items}\n]\n" if items else json.dumps(made) + "\n"
        (GOLDEN / f"torch_{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
