"""Mistakes in attention, embeddings and products of stacks of matrices."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, K, N, draw, slipping

__all__ = ["BEYOND"]

Step = Callable[..., Any]

CAUSAL = np.tril(np.ones((N, N)))
TOKENS = np.array([3, 1, 4, 1, 5, 10, 2])
LABELS = np.array([1, 4, 1, 5, 10, 2, 6])
TARGET = np.random.default_rng(21).normal(size=(N, K))
VOCABULARY = 11


def rows_of_softmax(S: Any) -> Any:
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def softmax_back(P: Any, dP: Any) -> Any:
    return P * (dP - (dP * P).sum(axis=-1, keepdims=True))


def attention(X: Any, Wq: Any, Wk: Any, Wv: Any) -> Any:
    Q = X @ Wq
    Kx = X @ Wk
    V = X @ Wv
    S = Q @ Kx.T / np.sqrt(Q.shape[1])
    E = np.exp(S)
    P = E / E.sum(axis=1, keepdims=True)
    O = P @ V
    loss = np.sum((O - TARGET) ** 2)
    return loss


def attention_backward(
    X: Any,
    Wq: Any,
    Wk: Any,
    Wv: Any,
    *,
    scale: float = 1 / np.sqrt(D),
    to_v: Step = lambda P, dO: P.T @ dO,
    softmax: Step = softmax_back,
    to_q: Step = lambda dS, Q, Kx: dS @ Kx,
    to_k: Step = lambda dS, Q, Kx: dS.T @ Q,
    paths: tuple[float, float, float] = (1, 1, 1),
) -> Arrays:
    Q, Kx, V = X @ Wq, X @ Wk, X @ Wv
    P = rows_of_softmax(Q @ Kx.T / np.sqrt(Q.shape[1]))
    dO = 2 * (P @ V - TARGET)
    dV = to_v(P, dO)
    dS = softmax(P, dO @ V.T) * scale
    dQ, dK = to_q(dS, Q, Kx), to_k(dS, Q, Kx)
    dX = paths[0] * dQ @ Wq.T + paths[1] * dK @ Wk.T + paths[2] * dV @ Wv.T
    return {"X": dX, "Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV}


attending = slipping(
    attention,
    draw(
        X=(N, K),
        Wq=lambda rng: 0.7 * rng.normal(size=(K, D)),
        Wk=lambda rng: 0.7 * rng.normal(size=(K, D)),
        Wv=(K, K),
    ),
    attention_backward,
)


def causal(Q: Any, Kx: Any, V: Any) -> Any:
    S = Q @ Kx.T
    E = np.exp(S) * CAUSAL
    P = E / E.sum(axis=1, keepdims=True)
    O = P @ V
    return O


def causal_backward(
    Q: Any,
    Kx: Any,
    V: Any,
    upstream: Any,
    *,
    probabilities: Step = lambda S: np.exp(S) * CAUSAL / (np.exp(S) * CAUSAL).sum(axis=1, keepdims=True),
    axis: int = 1,
    inner: Step = lambda dP, P: dP,
) -> Arrays:
    P = probabilities(Q @ Kx.T)
    dP = upstream @ V.T
    dS = P * (dP - (inner(dP, P) * P).sum(axis=axis, keepdims=True))
    return {"Q": dS @ Kx, "Kx": dS.T @ Q, "V": P.T @ upstream}


masking = slipping(causal, draw(Q=(N, D), Kx=(N, D), V=(N, K)), causal_backward, upstream=True)


def stack_of_products(A: Any, B: Any) -> Any:
    C = A @ B
    return C


def shared_right(A: Any, B: Any) -> Any:
    C = A @ B
    L = np.sum(np.tanh(C))
    return L


def shared_right_gradient(A: Any, B: Any, back: Step = lambda A, dC: np.einsum("nij,nik->jk", A, dC)) -> Arrays:
    return {"B": back(A, 1 - np.tanh(A @ B) ** 2)}


def bilinear(x: Any, W: Any, y: Any) -> Any:
    s = np.einsum("bi,ijk,bj->bk", x, W, y)
    return s


def bilinear_gradient(x: Any, W: Any, y: Any, upstream: Any) -> Arrays:
    return {
        "x": np.einsum("bk,ijk,bj->bi", upstream, W, y),
        "W": np.einsum("bk,bi,bj->ijk", upstream, x, y),
        "y": np.einsum("bk,ijk,bi->bj", upstream, W, x),
    }


def language_model(E: Any, W: Any) -> Any:
    emb = E[TOKENS]
    logits = emb @ W
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss = -np.mean(logp[np.arange(N), LABELS])
    return loss


def scattered(emb: Any) -> Any:
    dE = np.zeros((VOCABULARY, D))
    np.add.at(dE, TOKENS, emb)
    return dE


def overwritten(emb: Any) -> Any:
    dE = np.zeros((VOCABULARY, D))
    dE[TOKENS] = emb
    return dE


def shared_by_label(emb: Any) -> Any:
    dE = np.zeros((VOCABULARY, D))
    np.add.at(dE, LABELS, emb)
    return dE


def language_backward(E: Any, W: Any, *, scatter: Step = scattered, to_emb: Step = lambda d, W: d @ W.T) -> Arrays:
    p = rows_of_softmax(E[TOKENS] @ W)
    dlogits = (p - np.eye(VOCABULARY)[LABELS]) / N
    return {"E": scatter(to_emb(dlogits, W)), "W": E[TOKENS].T @ dlogits}


predicting = slipping(language_model, draw(E=(VOCABULARY, D), W=(D, VOCABULARY)), language_backward)


def tied_model(E: Any) -> Any:
    h = np.tanh(E[TOKENS])
    logits = h @ E.T
    loss = np.sum(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(N), LABELS])
    return loss


def tied_model_backward(E: Any, *, read: float = 1, output: float = 1) -> Arrays:
    h = np.tanh(E[TOKENS])
    dlogits = rows_of_softmax(h @ E.T) - np.eye(VOCABULARY)[LABELS]
    return {"E": read * scattered(dlogits @ E * (1 - h**2)) + output * dlogits.T @ h}


sharing = slipping(tied_model, draw(E=(VOCABULARY, D)), tied_model_backward)


BEYOND = (
    attending("X150", "attention: the scores' 1/√d forgotten on the way back", "Wq Wk", "factor", scale=1),
    attending("X151", "attention: 1/d for 1/√d", "Wq", "factor", scale=1 / D),
    attending(
        "X152",
        "attention: the weights are not transposed on the way to the values",
        "Wv",
        "operand-not-transposed",
        to_v=lambda P, dO: P @ dO,
    ),
    attending(
        "X153",
        "attention: softmax taken elementwise",
        "Wq",
        "diagonal-for-full path-missing",
        softmax=lambda P, dP: dP * P * (1 - P),
    ),
    attending(
        "X154",
        "attention: softmax's subtraction forgotten",
        "Wk",
        "path-missing diagonal-for-full",
        softmax=lambda P, dP: dP * P,
    ),
    attending("X155", "attention: softmax skipped", "Wk", "local-factor", softmax=lambda P, dP: dP),
    attending(
        "X156",
        "attention: the scores' gradient is not transposed for the keys",
        "Wk",
        "operand-not-transposed transposed",
        to_k=lambda dS, Q, Kx: dS @ Q,
    ),
    attending("X157", "attention: queries for keys", "Wq", "wrong-tensor swapped", to_q=lambda dS, Q, Kx: dS @ Q),
    attending("X158", "attention: the input's path through the keys lost", "X", "path-missing", paths=(1, 0, 1)),
    attending("X159", "attention: only the values reach the input", "X", "path-missing", paths=(0, 0, 1)),
    attending(
        "X160",
        "attention: softmax's sum over the queries",
        "Wq",
        "wrong-axis",
        softmax=lambda P, dP: P * (dP - (dP * P).sum(axis=0, keepdims=True)),
    ),
    masking(
        "X161",
        "causal attention: the mask ignored on the way back",
        "V",
        "mask-missing wrong-tensor local-factor",
        probabilities=rows_of_softmax,
    ),
    masking("X162", "causal attention: softmax's sum over the wrong axis", "Q", "wrong-axis", axis=0),
    masking(
        "X163",
        "causal attention: the weights twice in softmax's sum",
        "Q Kx",
        "local-factor",
        inner=lambda dP, P: dP * P,
    ),
    Case(
        "X164",
        "a stack of products: the right factor is not transposed within each",
        stack_of_products,
        draw(A=(K, N, D), B=(K, D, D)),
        about=("A",),
        claimed=lambda A, B, upstream: {"A": upstream @ B},
        right=lambda A, B, upstream: {"A": upstream @ np.swapaxes(B, 1, 2)},
        accepted=("operand-not-transposed",),
        upstream=True,
    ),
    Case(
        "X165",
        "a stack of products: .T turns the stack too",
        stack_of_products,
        draw(A=(K, N, D), B=(K, D, 2)),
        about=("B",),
        claimed=lambda A, B, upstream: {"B": np.swapaxes(np.swapaxes(A, 1, 2) @ upstream, 1, 2)},
        right=lambda A, B, upstream: {"B": np.swapaxes(A, 1, 2) @ upstream},
        accepted=("transposed", "shape"),
        upstream=True,
    ),
    Case(
        "X166",
        "a weight shared by a stack: not summed over the stack",
        shared_right,
        draw(A=(K, N, D), B=(D, 2)),
        about=("B",),
        claimed=lambda A, B: shared_right_gradient(A, B, back=lambda A, dC: np.swapaxes(A, 1, 2) @ dC),
        right=shared_right_gradient,
        accepted=("missing-sum",),
    ),
    Case(
        "X167",
        "a weight shared by a stack: averaged over the stack",
        shared_right,
        draw(A=(K, N, D), B=(D, 2)),
        about=("B",),
        claimed=lambda A, B: shared_right_gradient(A, B, back=lambda A, dC: (np.swapaxes(A, 1, 2) @ dC).mean(axis=0)),
        right=shared_right_gradient,
        accepted=("averaged", "factor"),
    ),
    Case(
        "X168",
        "bilinear form: the two inputs exchanged in the tensor's gradient",
        bilinear,
        draw(x=(N, D), W=(D, D, K), y=(N, D)),
        about=("W",),
        claimed=lambda x, W, y, upstream: {"W": np.einsum("bk,bi,bj->jik", upstream, x, y)},
        right=lambda x, W, y, upstream: {"W": bilinear_gradient(x, W, y, upstream)["W"]},
        accepted=("transposed", "swapped"),
        upstream=True,
    ),
    Case(
        "X169",
        "bilinear form: the tensor applied from the wrong side",
        bilinear,
        draw(x=(N, D), W=(D, D, K), y=(N, D)),
        about=("x",),
        claimed=lambda x, W, y, upstream: {"x": np.einsum("bk,jik,bj->bi", upstream, W, y)},
        right=lambda x, W, y, upstream: {"x": bilinear_gradient(x, W, y, upstream)["x"]},
        accepted=("operand-not-transposed", "swapped"),
        upstream=True,
    ),
    predicting("X170", "embedding in a model: a repeated token overwrites", "E", "path-missing", scatter=overwritten),
    predicting(
        "X171",
        "embedding in a model: the rows of the labels",
        "E",
        "permuted wrong-tensor shifted",
        scatter=shared_by_label,
    ),
    sharing("X172", "tied embedding: only its use as an input", "E", "path-missing", output=0),
    sharing("X173", "tied embedding: only its use as an output", "E", "path-missing", read=0),
)
