"""What is said of a wrong gradient: the kind of mistake, the step, and the fix; by each of the ways of finding it."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.check.mistakes.diagnosis import Claim, diagnose
from chainrule.check.mistakes.hints import HINTS
from chainrule.check.verdicts.finding import Finding

RANDOM = np.random.default_rng(17)


def draw(*shape: int) -> Any:
    return RANDOM.normal(size=shape)


def only(report: cr.Report) -> Finding:
    """The only claim that is wrong."""
    (finding,) = report.wrong
    return finding


# -- arrays alone ------------------------------------------------------------------------------------------------------

G = draw(4, 3)
SQUARE = draw(4, 4)
MASKED = G * (G > 0)


@pytest.mark.parametrize(
    ("claimed", "true", "mistake", "says"),
    [
        (G.T, G, "transposed", "transpose"),
        (G.reshape(-1), G, "shape", "(12,)"),
        (np.array([2.5]), np.array(2.5), "shape", "(1,)"),
        (-G, G, "sign", "wrong sign"),
        (2 * G, G, "factor", "times 2"),
        (G / 3, G, "factor", "1/3"),
        (0.01 * G, G, "factor", "0.01"),
        (G * 1.2345, G, "factor", "1.2345"),
        (G, G.sum(axis=0), "missing-sum", "axis 0"),
        (G.sum(), G, "extra-sum", "axes 0 and 1"),
        (G.sum(axis=0), G, "extra-sum", "axis 0"),
        (G[::-1], G, "permuted", "reverse"),
        (np.roll(G, 1, axis=1), G, "shifted", "by 1"),
        (G[[2, 0, 3, 1]], G, "permuted", "another order"),
        (RANDOM.permutation(G.reshape(-1)).reshape(4, 3), G, "permuted", "wrong places"),
        (G, MASKED, "mask-missing", "should be 0"),
        (G * (G <= 0), MASKED, "wrong-mask", "upside down"),
        (G.astype(np.float32).astype(float), G, "rounding", "float32"),
        (np.conj(G + 1j * SQUARE[:, :3]), G + 1j * SQUARE[:, :3], "conjugate", "conjugate"),
    ],
)
def test_two_arrays_alone_show_it(claimed: Any, true: Any, mistake: str, says: str) -> None:
    first = diagnose(Claim("dW", claimed, true))[0]
    assert first.mistake == mistake
    assert says in first.message
    assert first.hint == HINTS[mistake]


def test_what_fits_nothing_is_not_explained() -> None:
    assert diagnose(Claim("dW", draw(4, 3), G)) == ()


def test_a_gradient_that_was_there_before_is_found_in_the_pool() -> None:
    before = draw(4, 3)
    first = diagnose(Claim("dW", G + before, G, pool={"previous": before}))[0]
    assert (first.mistake, "previous" in first.message) == ("stale", True)


def test_an_array_from_the_pool_in_place_of_the_gradient() -> None:
    before = draw(4, 3)
    assert diagnose(Claim("dW", before, G, pool={"previous": before}))[0].mistake == "stale"


def test_a_second_point_refutes_what_the_first_suggests() -> None:
    """At the first point the claim happens to be twice the gradient; at the second it is not."""
    other = Claim("dW", draw(4, 3), draw(4, 3))
    assert diagnose(Claim("dW", 2 * G, G, again=lambda: other)) == ()


def test_nothing_finite_is_not_explained() -> None:
    assert diagnose(Claim("dW", np.full((4, 3), np.inf), G)) == ()


STATE = RANDOM.bit_generator.state


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Each test draws the same numbers, whatever ran before it."""
    RANDOM.bit_generator.state = STATE


# -- the derivation mutated --------------------------------------------------------------------------------------------

X, Y = draw(7, 5), draw(7, 3)
W1, W2, B1 = draw(5, 4), draw(4, 3), draw(4)


def network(W1: Any, b1: Any, W2: Any) -> Any:
    z = X @ W1 + b1
    h = np.tanh(z)
    out = h @ W2
    r = out - Y
    loss = np.mean(r**2)
    return loss


def network_gradient(W1: Any, b1: Any, W2: Any, **slips: Any) -> dict[str, Any]:
    z = X @ W1 + b1
    h = np.tanh(z)
    dout = slips.get("dout", lambda r: 2 * r / r.size)(h @ W2 - Y)
    dh = slips.get("dh", lambda dout: dout @ W2.T)(dout)
    dz = slips.get("dz", lambda dh, h, z: dh * (1 - h**2))(dh, h, z)
    dW2 = slips.get("dW2", lambda h, z, dout: h.T @ dout)(h, z, dout)
    db1 = slips.get("db1", lambda dz: dz.sum(axis=0))(dz)
    return {"W1": slips.get("dW1", lambda dz: X.T @ dz)(dz), "b1": db1, "W2": dW2}


SLIPS: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("W1", {"dz": lambda dh, h, z: dh}, "local-factor", "h", "left out"),
    ("W1", {"dz": lambda dh, h, z: dh * (1 - z**2)}, "wrong-tensor", "h", "taken at z"),
    ("W1", {"dz": lambda dh, h, z: dh * h * (1 - h)}, "local-factor", "h", "h * (1 - h)"),
    ("W1", {"dz": lambda dh, h, z: dh * (1 - h**2) ** 2}, "local-factor", "h", ""),
    ("W1", {"dz": lambda dh, h, z: np.tanh(dh)}, "local-factor", "h", "applied to dh"),
    ("b1", {"db1": lambda dz: dz.mean(axis=0)}, "averaged", "b1", "7 rows"),
    ("b1", {"db1": lambda dz: dz[-1]}, "path-missing", "", ""),
    ("b1", {"db1": lambda dz: dz}, "missing-sum", "b1", "axis 0"),
    ("b1", {"db1": lambda dz: dz.sum(axis=1)}, "wrong-axis", "b1", "(7,)"),
    ("W2", {"dW2": lambda h, z, dout: z.T @ dout}, "wrong-tensor", "out", "z stands in place of h"),
    ("W1", {"dout": lambda r: 2 * r / len(r)}, "factor", "W1", "3"),
    ("W1", {"dout": lambda r: 2 * np.ones_like(r) / r.size}, "local-factor", "", ""),
]


@pytest.mark.parametrize(("name", "slips", "mistake", "step", "says"), SLIPS)
def test_one_wrong_rule_in_a_network(name: str, slips: dict[str, Any], mistake: str, step: str, says: str) -> None:
    def claimed(W1: Any, b1: Any, W2: Any) -> dict[str, Any]:
        return {name: network_gradient(W1, b1, W2, **slips)[name]}

    finding = only(cr.check(network, claimed, W1, B1, W2))
    assert finding.mistake == mistake
    assert not step or str(finding.step).split(" → ")[-1] == step
    assert says in finding.message
    assert finding.fix


def test_the_names_are_those_of_the_user() -> None:
    finding = only(cr.check(network, {"W1": network_gradient(W1, B1, W2, dz=lambda dh, h, z: dh)["W1"]}, W1, B1, W2))
    assert finding.message == "The derivative of h by z is left out on the way back from h to z."
    assert finding.fix == "multiply dh by the derivative of h by z: dz = (1 - h ** 2) * dh"


def branches(x: Any) -> Any:
    a = np.sin(x)
    b = x**3
    c = np.exp(-x)
    y = a * b + c
    return y


def branch_gradient(
    x: Any, upstream: Any, a: float = 1, b: float = 1, c: float = 1, inner: Callable[..., Any] = np.cos
) -> Any:
    return upstream * (a * inner(x) * x**3 + b * np.sin(x) * 3 * x**2 - c * np.exp(-x))


@pytest.mark.parametrize(
    ("weights", "mistake", "says"),
    [
        ({"a": 0}, "path-missing", "from a"),
        ({"b": -1}, "path-sign", "from b"),
        ({"c": 2}, "path-doubled", "from"),
        ({"b": 1 / 3}, "factor", "1/3"),
        ({"a": 0, "c": 0}, "path-missing", "lacks"),
    ],
)
def test_weights_of_paths(weights: dict[str, Any], mistake: str, says: str) -> None:
    def claimed(x: Any, upstream: Any) -> Any:
        return branch_gradient(x, upstream, **weights)

    finding = only(cr.check(branches, claimed, draw(9)))
    assert (finding.mistake, says in finding.message) == (mistake, True)


def recurrence(W: Any, U: Any, x: Any) -> Any:
    h = np.zeros(4)
    for t in range(len(x)):
        h = np.tanh(x[t] @ U + h @ W)
    loss = np.sum(h**3)
    return loss


def through_time(
    W: Any, U: Any, x: Any, back: Any = lambda dz, W: dz @ W.T, earlier: int = 0, steps: int = 99
) -> dict[str, Any]:
    h = [np.zeros(4)]
    for t in range(len(x)):
        h.append(np.tanh(x[t] @ U + h[-1] @ W))
    dW, dU, dh = np.zeros_like(W), np.zeros_like(U), 3 * h[-1] ** 2
    for t in reversed(range(max(0, len(x) - steps), len(x))):
        dz = dh * (1 - h[t + 1] ** 2)
        dW += np.outer(h[t + earlier], dz)
        dU += np.outer(x[t], dz)
        dh = back(dz, W)
    return {"W": dW, "U": dU}


@pytest.mark.parametrize(
    ("slips", "mistake", "says"),
    [
        ({"back": lambda dz, W: dz @ W}, "operand-not-transposed", "at every step"),
        ({"back": lambda dz, W: dz}, "local-factor", "at every step"),
        ({"back": lambda dz, W: 0 * dz}, "path-missing", ""),
        ({"earlier": 1}, "wrong-tensor", "at every step"),
        ({"steps": 2}, "path-missing", ""),
    ],
)
def test_a_mistake_in_a_loop_is_one_mistake(slips: dict[str, Any], mistake: str, says: str) -> None:
    arguments = (0.7 * draw(4, 4), draw(2, 4), draw(6, 2))

    def claimed(W: Any, U: Any, x: Any) -> dict[str, Any]:
        return {"W": through_time(W, U, x, **slips)["W"]}

    finding = only(cr.check(recurrence, claimed, *arguments))
    assert (finding.mistake, says in finding.message) == (mistake, True)


def spread(x: Any) -> Any:
    e = np.exp(x)
    total = e.sum(axis=1, keepdims=True)
    p = e / total
    return p


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        (lambda p, g: p * (1 - p) * g, "diagonal-for-full"),
        (lambda p, g: p * g, "path-missing"),
        (lambda p, g: p * (g - (g * p).sum(axis=0)), "wrong-axis"),
        (lambda p, g: p * (g - (g * p).sum()), "extra-sum"),
        (lambda p, g: p * (g - g.sum(axis=1, keepdims=True)), "local-factor"),
        (lambda p, g: p * (p - (p * p).sum(axis=1, keepdims=True)), "wrong-tensor"),
    ],
)
def test_a_full_jacobian(rule: Any, mistake: str) -> None:
    def claimed(x: Any, upstream: Any) -> Any:
        e = np.exp(x)
        return rule(e / e.sum(axis=1, keepdims=True), upstream)

    assert only(cr.check(spread, claimed, draw(5, 4))).mistake == mistake


def test_an_older_array_is_found_in_what_the_claim_reads() -> None:
    old = draw(4, 3)

    def claimed(W1: Any, b1: Any, W2: Any) -> dict[str, Any]:
        h = np.tanh(X @ W1 + b1)
        dout = 2 * (h @ W2 - Y) / Y.size
        return {"W1": X.T @ (dout @ old.T * (1 - h**2))}

    finding = only(cr.check(network, claimed, W1, B1, W2))
    assert (finding.mistake, "old" in finding.message) == ("stale", True)


def test_a_weight_that_was_updated_first() -> None:
    def claimed(W1: Any, b1: Any, W2: Any) -> dict[str, Any]:
        h = np.tanh(X @ W1 + b1)
        dout = 2 * (h @ W2 - Y) / Y.size
        moved = W2 - 0.1 * h.T @ dout
        return {"W1": X.T @ (dout @ moved.T * (1 - h**2))}

    finding = only(cr.check(network, claimed, W1, B1, W2))
    assert (finding.mistake, "-0.1 * dW2" in finding.message) == ("stale", True)


def test_exchanged_gradients_are_told_from_one_that_is_another() -> None:
    def product(a: Any, b: Any) -> Any:
        return np.sum(np.sin(a) * b)

    a, b = draw(6), draw(6)
    right = {"a": np.cos(a) * b, "b": np.sin(a)}
    both = cr.check(product, {"a": right["b"], "b": right["a"]}, a, b)
    assert {finding.mistake for finding in both.wrong} == {"swapped"}
    assert only(cr.check(product, {"a": right["b"], "b": right["b"]}, a, b)).mistake == "wrong-tensor"


def test_rivals_are_mentioned() -> None:
    finding = only(cr.check(lambda x: np.sum(x + x), {"x": np.ones(5)}, draw(5)))
    assert finding.mistake in {"factor", "path-missing"}
    assert isinstance(finding.details.get("rivals", []), list)
