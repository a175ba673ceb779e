"""A replay takes no branch: where another point needs another program, the transform is run, and its errors raised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

POINTS = [np.array(point) for point in ([1.0, 2.0, 3.0], [0.5, -0.7, 0.9], [-0.5, 0.7, -2.9], [0.0, 0.0, 0.0])]


def leaves(tree: Any) -> list[Any]:
    """The dense arrays of a tree of Jacobians, in order."""
    if isinstance(tree, cr.Jacobian):
        return [tree.dense()]
    return [array for entry in (tree.values() if isinstance(tree, dict) else tree) for array in leaves(entry)]


def outcome(function: Any, *arguments: Any, **options: Any) -> Any:
    """The dense arrays, or the kind of error and what it says."""
    try:
        return leaves(function(*arguments, **options))
    except Exception as error:
        return type(error), str(error)


def agrees(transform: Any, *arguments: Any, **options: Any) -> None:
    """The transform, and the transform without recordings, give the same: numbers or an error."""
    expected = outcome(transform.recorded.transform, *arguments, **options)
    found = outcome(transform, *arguments, **options)
    if isinstance(expected, tuple):
        assert found == expected
        return
    assert isinstance(found, list), found
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-12)


def numeric(function: Any, x: Any) -> Any:
    """The Jacobian by central differences."""
    columns = []
    for unit in np.eye(x.size):
        step = 1e-6 * unit.reshape(x.shape)
        columns.append((np.asarray(function(x + step)) - np.asarray(function(x - step))) / 2e-6)
    return np.stack(columns, -1)


def halving(x: Any) -> Any:
    y = x
    while np.sum(y * y) > 1:
        y = y * 0.5
    return y


def entry_by_entry(x: Any) -> Any:
    total = 0
    for value in x:
        total = total + value**2 if value > 0 else total - value
    return total


def swallowing(x: Any) -> Any:
    try:
        return x * (1 / float(x[0]))
    except ZeroDivisionError:
        return x * 7


def raised_inside(x: Any) -> Any:
    try:
        if x[0] > 0:
            raise RuntimeError
        return x * 2
    except Exception:
        return x**2


def swallowing_all(x: Any) -> Any:
    try:
        return x * 2 if x[0] > 0 else x**2
    except:  # noqa: E722
        return x**3


def refusing(x: Any) -> Any:
    if np.any(x == 0):
        raise ValueError("zero")
    return 1 / x


def asserting(x: Any) -> Any:
    assert np.all(x > -1), "too small"
    return x * x


BRANCHES: dict[str, Any] = {
    "if": lambda x: x**2 if np.sum(x) > 0 else x**3,
    "while": halving,
    "for": entry_by_entry,
    "where": lambda x: np.where(x > 0, x**2, 3 * x),
    "where of a safe logarithm": lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), x),
    "where of an unsafe logarithm": lambda x: np.where(x > 0, np.log(x), 2 * x),
    "where of a root": lambda x: np.where(x > 0, np.sqrt(x), 0),
    "where of a quotient": lambda x: np.where(x != 0, 1 / x, 0),
    "max": lambda x: np.max(x) * x,
    "argmax": lambda x: x[np.argmax(x)] * x,
    "int of argmax": lambda x: x[int(np.argmax(x))] * x,
    "sort": lambda x: np.sort(x) ** 2 * np.arange(3.0),
    "argsort": lambda x: x[np.argsort(x)] ** 2 * np.arange(3.0),
    "unique": lambda x: np.unique(x) ** 2,
    "nonzero": lambda x: x[np.nonzero(x > 0)] ** 2,
    "a mask": lambda x: x[x > 0] ** 2,
    "compress": lambda x: np.compress(x > 0, x) ** 2,
    "an error": refusing,
    "assert": asserting,
    "int": lambda x: x ** int(np.sum(x)),
    "float": lambda x: x * float(np.sum(x)),
    "round": lambda x: x * np.round(x),
    "floor": lambda x: x * np.floor(x),
    "arithmetic with a comparison": lambda x: x * (x > 0) + x**2 * (x <= 0),
    "a sum of truth values": lambda x: x * np.sum(x > 0),
    "a mean of truth values": lambda x: x * np.mean(x > 0),
    "count_nonzero": lambda x: x * np.count_nonzero(x > 0),
    "a formatted number": lambda x: x * len(f"{x[0] * 100:.0f}"),
    "an error that is swallowed": swallowing,
    "an error of its own": raised_inside,
    "all errors swallowed": swallowing_all,
    "min": lambda x: min(x) * x,
    "sorted": lambda x: np.stack(sorted(x)) ** 2,
    "in": lambda x: x * (2 if 1.0 in x else 3),
    "and": lambda x: x * 2 if (x[0] > 0 and x[1] > 0) else x * 3,
    "not": lambda x: x * 2 if not x[0] > 0 else x * 3,
    "tolist": lambda x: x * x.tolist()[0],
    "item": lambda x: x * x[0].item(),
    "allclose": lambda x: x * 2 if np.allclose(x, 0) else x**2,
    "isnan": lambda x: x * np.isnan(np.log(x)) + x**2,
    "select": lambda x: np.select([x > 1.5, x < 0], [x**2, x**3], x),
    "piecewise": lambda x: np.piecewise(x, [x > 0, x <= 0], [lambda t: t**2, lambda t: -t]),
    "clip": lambda x: np.clip(x, -0.5, 0.5) * x,
    "heaviside": lambda x: np.heaviside(x, 0.5) * x,
    "interp": lambda x: np.interp(x, np.array([-1.0, 0.0, 1.0]), np.array([1.0, 0.0, 4.0])),
    "searchsorted": lambda x: x * np.searchsorted(np.array([-1.0, 0.0, 1.0]), x),
    "partition": lambda x: np.partition(x, 1)[0] * x,
    "median": lambda x: np.median(x) * x,
    "not finite": lambda x: np.sqrt(x) * x,
    "overflow": lambda x: np.exp(1000 * x),
    "singular": lambda x: np.linalg.inv(np.diag(x)),
}


def assigned(x: Any) -> Any:
    y = x * 1
    y[0] = y[1] ** 2
    y *= 2
    return y


BRANCHES["assignment"] = assigned
SMOOTH = {"where", "where of a safe logarithm", "if", "while", "for", "max", "sort", "argsort", "select", "a mask"}


@pytest.mark.parametrize("first", range(len(POINTS)))
@pytest.mark.parametrize("name", BRANCHES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_another_branch_at_another_point(name: str, first: int) -> None:
    function = BRANCHES[name]
    transform: Any = cr.jacobian(function)
    for point in (POINTS[first], *POINTS, POINTS[first]):
        agrees(transform, point)
    if name in SMOOTH:
        for point in POINTS[:3]:
            np.testing.assert_allclose(transform(point).dense(), numeric(function, point), atol=1e-7)


@pytest.mark.parametrize("name", [name for name in BRANCHES if name not in ("unique", "nonzero", "a mask", "compress")])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_hessians_at_another_branch(name: str) -> None:
    function = BRANCHES[name]
    transform: Any = cr.hessian(lambda x: np.sum(function(x) ** 2))
    for point in (*POINTS, *POINTS):
        agrees(transform, point)


def test_where_on_values_is_replayed() -> None:
    transform: Any = cr.jacobian(lambda x: np.where(x > 0, x**2, 3 * x))
    for point in POINTS:
        np.testing.assert_array_equal(transform(point).diagonal(), np.where(point > 0, 2 * point, 3))
    assert transform.recorded.recordings == ["replayed"]


# --- arguments --------------------------------------------------------------------------------------------------------


def matched(x: Any, y: Any) -> Any:
    match y:
        case float():
            return x * y * 2
        case [first, _, _]:
            return x * first
        case _:
            return x * y * 3


def tried(x: Any, y: Any) -> Any:
    try:
        return x * y * 2 if y.flags else x
    except AttributeError:
        return x * y * 3


DATA = [(POINTS[0], POINTS[1]), (POINTS[1], POINTS[2]), (POINTS[1], 0.5), (POINTS[2], 0.7), (POINTS[0], 0.5)]
KINDS: dict[str, Any] = {
    "isinstance of an array": lambda x, y: x * y * 2 if isinstance(y, np.ndarray) else x * y * 3,
    "isinstance of a number": lambda x, y: x * y * 2 if isinstance(y, float) else x * y * 3,
    "isscalar": lambda x, y: x * y * 2 if np.isscalar(y) else x * y * 3,
    "type": lambda x, y: x * y * 2 if type(y) is float else x * y * 3,
    "hasattr": lambda x, y: x * y * 2 if hasattr(y, "flags") else x * y * 3,
    "an attribute that is tried": tried,
    "match": matched,
    "arange": lambda x, y: x * np.arange(3) * np.asarray(y).sum(),
    "full": lambda x, y: x * np.full(3, y),
    "a list": lambda x, y: x * np.array([y, y]).sum(0),
    "a power": lambda x, y: x * y**0.5,
    "a quotient": lambda x, y: x / y,
    "a mask of another argument": lambda x, y: x[y > 0] ** 2 if np.ndim(y) else x,
    "an index from another argument": lambda x, y: x[np.abs(y * 2).astype(int)] if np.ndim(y) else x,
    "digitize": lambda x, y: x * np.digitize(y, np.array([-1.0, 0.0, 1.0])),
    "histogram": lambda x, y: x * np.histogram(y, 3)[0],
    "writing into it": lambda x, y: (y.__setitem__(0, 5.0), x * y)[1],
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_data_are_seen_as_they_are(name: str) -> None:
    transform: Any = cr.jacobian(KINDS[name])
    for x, y in DATA * 2:
        agrees(transform, x, y.copy() if isinstance(y, np.ndarray) else y)


OPTIONS: list[tuple[Any, list[tuple[tuple[Any, ...], dict[str, Any]]]]] = [
    (lambda x, n: x**n, [((POINTS[0], n), {}) for n in (2, 3, 2, True, 2.5, -1)]),
    (lambda x, mode: x**2 if mode == "a" else x**3, [((POINTS[k % 3], mode), {}) for k, mode in enumerate("abab")]),
    (
        lambda x, y=None: x**2 if y is None else x * y,
        [((POINTS[0], *y), {}) for y in ((), (None,), (POINTS[1],), (2.0,))],
    ),
    (
        lambda x, *, s=1.0, n=2: x**n * s,
        [((POINTS[1],), o) for o in ({}, {"s": 3.0}, {"s": 4.0}, {"n": 3}, {"n": 1, "s": 2.0}, {})],
    ),
    (
        lambda p: {"a": p["w"] @ POINTS[0] * p["b"][0], "c": p["b"][1] ** 2},
        [(({"w": np.full((2, 3), s), "b": (s, s * POINTS[1])},), {}) for s in (1.0, 2.0, 3.0)],
    ),
    (lambda a, b: a * b, [((a, b), {}) for a in POINTS[:2] for b in POINTS[:2]]),
    (
        lambda x: x**3,
        [((x,), {}) for x in (2.0, 3.0, np.float64(4), np.array(2.0), np.float32(2), np.array(3.0, "f4"))],
    ),
    (lambda x: np.sin(x) * 2.5 * x, [((x.astype(kind),), {}) for kind in ("f4", "f2", "f8") for x in POINTS[:2]]),
    (
        lambda x, dt: x * dt,
        [((x.astype(kind), dt), {}) for kind in ("f4", "f8") for x, dt in zip(POINTS, (0.1, 0.2), strict=False)],
    ),
    (lambda x, y: x * y, [((x.astype("f4"), y), {}) for x in POINTS[:2] for y in POINTS[:2]]),
    (lambda x: np.sum(x, axis=0), [((np.zeros(shape),), {}) for shape in ((0, 3), (3, 0), (1, 1), (0, 3))]),
    (
        lambda x, i: x[i] ** 2,
        [((POINTS[k % 2], np.array(i)), {}) for k, i in enumerate(([0, 1], [1, 1], [0, 1], [2, 2]))],
    ),
    (
        lambda x, i: x[i] ** 2,
        [((POINTS[k % 2], np.array(i)), {}) for k, i in enumerate(([True, False, True], [False, True, True]))],
    ),
    (lambda x: (x, x**2, 3.0), [((x,), {}) for x in POINTS]),
    (lambda x, y: x * np.sum(y.real), [((POINTS[0], y), {}) for y in (POINTS[0] * 1j, POINTS[1] + 1j, 2j)]),
]


@pytest.mark.parametrize("number", range(len(OPTIONS)))
def test_arguments_that_change_their_value(number: int) -> None:
    function, calls = OPTIONS[number]
    transform: Any = cr.jacobian(function)
    for arguments, options in calls * 2:
        agrees(transform, *arguments, **options)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(x, axis=5),
        lambda x: np.max(x, axis=1),
        lambda x: x + np.ones(4),
        lambda x: x.reshape(4),
        lambda x: x[5],
        lambda x: np.take(x, [7]),
        lambda x: x[np.array([7])] * 2,
        lambda x: np.stack([x, x], axis=4),
        lambda x: np.sum(np.stack([x, x], axis=4)),
        lambda x: np.sum(np.roll(x, 1, axis=4)),
        lambda x: np.sum(np.sort(x, axis=4)),
        lambda x: np.concatenate([x, np.ones((2, 2))]),
        lambda x: np.ones((2, 4)) @ x,
        lambda x: np.tensordot(np.ones((2, 4)), x, 1),
        lambda x: np.einsum("ij->i", x),
        lambda x: np.linalg.cholesky(-np.diag(x)),
        lambda x: x.nothing,
        lambda x: "text",
    ],
)
def test_errors_are_those_of_the_function(function: Any) -> None:
    transform: Any = cr.jacobian(function)
    for _ in range(2):
        assert isinstance(outcome(transform, POINTS[0]), tuple)
        agrees(transform, POINTS[0])
