"""Derivations and claims that the tests of the report look at, and a stand-in for what notebooks strip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from html import escape
from html.parser import HTMLParser
from typing import Any

import numpy as np

from chainrule.explain.derivation import Derivation
from chainrule.explain.derive import derive
from chainrule.explain.formula import Formula
from chainrule.explain.report.cards import ClaimCard

HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"


@cache
def network() -> Derivation:
    """Two layers and a mean of squares."""
    random = np.random.default_rng(0)

    def net(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, Y: Any) -> Any:
        z1 = X @ W1 + b1
        h = np.tanh(z1)
        P = h @ W2 + b2
        R = P - Y
        return np.mean(R**2)

    shapes: Sequence[Any] = [(7, 5), (5, 4), 4, (4, 3), 3, (7, 3)]
    return derive(net, (1, 2, 3, 4))(*[random.normal(size=shape) for shape in shapes])


@cache
def softmax() -> Derivation:
    """The cross-entropy of a softmax, in which one value is used twice."""

    def cross_entropy(z: Any, t: Any) -> Any:
        m = np.max(z, axis=1, keepdims=True)
        e = np.exp(z - m)
        p = e / np.sum(e, axis=1, keepdims=True)
        return -np.mean(np.log(p[np.arange(len(t)), t]))

    z = np.random.default_rng(1).normal(size=(6, 4))
    return derive(cross_entropy, 0)(z, np.array([0, 1, 2, 3, 0, 1]))


@cache
def recurrence(steps: int = 20) -> Derivation:
    """A state that is passed on from turn to turn, with a loss at each."""
    random = np.random.default_rng(2)

    def states(x: Any, W: Any, U: Any) -> Any:
        h = np.zeros(3)
        total = 0.0
        for t in range(steps):
            a = x[t] @ W + h @ U
            h = np.tanh(a)
            total = total + np.sum(h**2)
        return total

    values = random.normal(size=(steps, 2)), random.normal(size=(2, 3)), random.normal(size=(3, 3))
    return derive(states, (1, 2))(*values)


@cache
def joining() -> Derivation:
    """A value that is used three times, of sizes beyond what is shown as numbers."""
    random = np.random.default_rng(3)

    def gated(x: Any, W: Any, V: Any) -> Any:
        h = np.tanh(x @ W)
        u = h @ V
        s = h * u
        return np.sum(s + h)

    return derive(gated, (1, 2))(random.normal(size=(30, 4)), random.normal(size=(4, 4)), random.normal(size=(4, 4)))


def claims() -> list[ClaimCard]:
    """One claim of each kind about the network."""
    adjoint = {entry.name: entry.cotangent for entry in network().explained}
    h = next(entry.value for entry in network().explained if entry.name == "h")
    return [
        ClaimCard("dW2", "right", claimed=adjoint["W2"], true=adjoint["W2"], subject="W2", place="cell 3, line 2"),
        ClaimCard("db2", "right up to rounding", claimed=adjoint["b2"], true=adjoint["b2"], subject="b2"),
        ClaimCard(
            "dz1", "wrong", "local-factor", "h", "The derivative of tanh is missing.", "dz1 = dh * (1 - h**2)",
            "What is the derivative of tanh?", "cell 3, line 5", adjoint["h"] * h, adjoint["z1"],
        ),
        ClaimCard("db1", "right value, wrong shape", "shape", "b1", claimed=adjoint["b1"][None], true=adjoint["b1"]),
        ClaimCard("dq", "undecidable", message="Nothing is known about q."),
    ]  # fmt: skip


def hostile() -> Derivation:
    """A derivation in which every string is an attack."""
    told = network()
    attack = Formula(f"{HOSTILE} = {HOSTILE}", rf"\text{{{HOSTILE}}}", HOSTILE)

    def spoiled(entry: Any) -> Any:
        step = replace(entry.step, name=HOSTILE)
        locals_ = tuple([replace(local, index=attack, matrix=attack, structure=HOSTILE) for local in entry.locals])
        return replace(
            entry, step=step, name=HOSTILE, forward=attack, locals=locals_, adjoint=attack, reasons=(HOSTILE,),
            source=HOSTILE,
        )  # fmt: skip

    return replace(
        told,
        title=HOSTILE,
        explained=tuple([spoiled(entry) for entry in told.explained]),
        gradients=dict.fromkeys(told.gradients, attack),
        notes=(HOSTILE,),
        source=f"</script><script>document.title='hacked'</script>{HOSTILE}",
    )


def hostile_claim() -> ClaimCard:
    """A claim in which every string is an attack."""
    told = ClaimCard(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    return replace(
        told, claimed=np.array([HOSTILE]), true=np.array([HOSTILE], object), notes=(HOSTILE,), subject=HOSTILE
    )


# What JupyterLab leaves of an output in a notebook that is not trusted, as far as reports use it
_KEPT = frozenset(
    "a b br button caption code dd details div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header i li nav ol p"
    " pre section span strong sub summary sup table tbody td th thead tr ul".split()
)
_ATTRIBUTES = frozenset({"class", "hidden", "id", "title", "lang", "href", "open", "scope", "colspan"})


class _Sanitizer(HTMLParser):
    """Drops styles and scripts with what is in them, and all unknown elements without what is in them."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []
        self._dropping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._dropping += tag in {"style", "script"}
        if tag in _KEPT:
            told = [f' {name}="{escape(value or "")}"' for name, value in attrs if name in _ATTRIBUTES]
            self.kept.append(f"<{tag}{''.join(told)}>")

    def handle_endtag(self, tag: str) -> None:
        self._dropping -= tag in {"style", "script"}
        if tag in _KEPT:
            self.kept.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self.kept.append(escape(data))


def untrusted(html: str) -> str:
    """The HTML as a notebook that is not trusted shows it."""
    sanitizer = _Sanitizer()
    sanitizer.feed(html)
    return "".join(sanitizer.kept)
