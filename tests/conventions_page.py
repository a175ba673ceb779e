"""The page docs/conventions.md: what each row of the table gives here, and what it gives in other libraries.

`python -m tests.conventions_page` writes it anew. Of other libraries it measures those that are installed; what others
gave when they were is in golden/conventions.json.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

import chainrule as cr
from tests.conventions_rows import ROWS, SECTIONS, Row

PAGE = Path(__file__).parents[1] / "docs" / "conventions.md"
GOLDEN = Path(__file__).parent / "golden" / "conventions.json"
LIBRARIES = ("PyTorch", "JAX", "autograd")

HEAD = """# Conventions

Where a derivative is a matter of choice, the choice is one of these.

* Among the slopes that a kink lies between, the middle one; at a tie, equal parts.
* A limit where there is one, even if it is infinite.
* **A path that is not taken passes nothing**, in every mode and at any order: no NaN and no infinity of what
  `np.where`, `np.select`, `np.piecewise`, a mask or `where=` did not choose. A factor that is exactly 0 counts as such
  a choice; `cr.debug()` finds the numbers that are not finite.

A step is differentiated by itself: what becomes smooth only with the step after it is not known to be. At 0 the outer
slope is exactly 0, so that `np.linalg.norm(x) ** 2`, `np.sqrt(x @ x) ** 2` and `np.abs(x) ** 2` have the Hessian 0
instead of 2·I, and `np.cbrt(x) ** 3` has the slope 0 instead of 1. Write `x @ x`, `x**2` and `x`.

## Choosing otherwise

```python
>>> import numpy as np
>>> import chainrule as cr
>>> x = np.array([2.0, 2.0, 1.0])
>>> cr.grad(np.max)(x)
array([0.5, 0.5, 0. ])
>>> with cr.conventions(ties="first"):
...     cr.grad(np.max)(x)
array([1., 0., 0.])
>>> with cr.conventions(ties="last", norm="nan"):     # ReLU with the slope 0, norms that say where they have none
...     cr.grad(lambda x: np.maximum(x, 0.0))(0.0), cr.grad(np.linalg.norm)(np.zeros(2))
(np.float64(0.0), array([nan, nan]))

```

| convention | choices | usual | what it is of |
| --- | --- | --- | --- |
| `ties` | `"share"`, `"first"`, `"last"` | `"share"` | maxima and minima, of an array and of two |
| `clip` | a number from 0 to 1 | 1 | the slope at an edge of `np.clip` |
| `abs` | a number from −1 to 1 | 0 | the slope of `np.abs` at 0 |
| `norm` | `"zero"`, `"nan"` | `"zero"` | `np.linalg.norm`, `np.hypot`, `np.std` where they are 0 |
| `roots` | `"infinite"`, `"zero"` | `"infinite"` | `np.sqrt`, `np.cbrt`, powers between 0 and 1, at 0 |

They count where derivatives are taken: put `with` around the call of a gradient, of `backward` or of a pullback; inside
a function that is differentiated it changes nothing. They hold in their thread, may be nested, and end with the block
whatever is raised. Compiled functions honour them; their calls are then some microseconds slower.

## The table

Each row is the gradient of an expression at a point `x`. An entry that differs from this library's is in bold; a dash
says that the library has no such function, or no derivative of it. Measured with PyTorch 2.13, JAX 0.10 and
autograd 1.8.
"""


def numbers(gradient: Any) -> str:
    """A gradient as the table has it."""
    return (
        ", ".join([f"{float(value) + 0.0:.4g}" for value in np.ravel(gradient)]).replace("-", "−").replace("inf", "∞")
    )


def expression(row: Row, numpy: Any, functions: Any) -> Callable[[Any], Any]:
    """The expression of a row as a function."""
    made: Callable[[Any], Any] = eval(f"lambda x: {row.text}", {"np": numpy, "special": functions})
    return made


def ours(row: Row) -> str:
    """What this library gives."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return numbers(cr.grad(expression(row, np, special))(np.array(row.point, float)))


def in_torch(row: Row) -> Any:
    """The gradient in PyTorch."""
    torch = import_module("torch")
    x = torch.tensor(row.point, dtype=torch.float64, requires_grad=True)
    eval(row.torch, {"torch": torch, "x": x}).backward()
    return x.grad.numpy()


def in_jax(row: Row) -> Any:
    """The gradient in JAX."""
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    f = expression(row, import_module("jax.numpy"), import_module("jax.scipy.special"))
    return jax.grad(f)(np.array(row.point, float))


def in_autograd(row: Row) -> Any:
    """The gradient in autograd."""
    f = expression(row, import_module("autograd.numpy"), import_module("autograd.scipy.special"))
    return import_module("autograd").grad(f)(np.array(row.point, float))


PEERS = dict(zip(LIBRARIES, (in_torch, in_jax, in_autograd), strict=True))


def measured(library: str, row: Row) -> str:
    """What another library gives, "" if it gives nothing."""
    if library == "PyTorch" and not row.torch:
        return ""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return numbers(PEERS[library](row))
        except ImportError:
            raise
        except Exception:  # each has its own way to say that it does not know
            return ""


def key(row: Row) -> str:
    """What names a row."""
    return f"{row.text} at {row.point}"


def golden() -> dict[str, dict[str, str]]:
    """What the other libraries gave."""
    found: dict[str, dict[str, str]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return found


def line(row: Row, theirs: dict[str, str]) -> str:
    """A row of the table."""
    mine = ours(row)
    others = [f"**{value}**" if value and value != mine else value or "–" for value in map(theirs.get, LIBRARIES)]
    cells = [f"`{row.text}`".replace("|", "\\|"), numbers(row.point), mine, row.why, *others]
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """The page."""
    known = golden()
    parts = [HEAD]
    for title, rows in SECTIONS.items():
        parts += [f"### {title}", "", f"| gradient of | at | here | because | {' | '.join(LIBRARIES)} |"]
        parts += ["| --- | --- | --- | --- | --- | --- | --- |", *[line(row, known[key(row)]) for row in rows], ""]
    return "\n".join(parts)


def remeasured() -> dict[str, dict[str, str]]:
    """What the other libraries give now; of one that is not installed, what it gave."""
    known = golden() if GOLDEN.exists() else {}
    found: dict[str, dict[str, str]] = {}
    for row in ROWS:
        found[key(row)] = dict(known.get(key(row), {}))
        for library in LIBRARIES:
            try:
                found[key(row)][library] = measured(library, row)
            except ImportError:
                print(f"{library} is not installed")
    return found


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(remeasured(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
