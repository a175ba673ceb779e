"""Mistakes in the gradients of losses: margins, likelihoods, divergences, distances, penalties."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, K, N, draw, positive, slipping

__all__ = ["BEYOND"]

SIGNS = np.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0])
LABELS = np.array([2, 0, 1, 1, 2, 0, 2])
ROWS = np.arange(N)
COUNTS = np.array([3.0, 0.0, 2.0, 5.0, 1.0, 0.0, 4.0])
IMPORTANCE = np.array([0.5, 2.0, 1.3, 0.7, 1.1, 0.2, 3.0])
SMOOTHED = 0.9 * np.eye(K)[LABELS] + 0.1 / K
DELTA, TEMPERATURE, RIDGE, POSITIVE_WEIGHT = 0.8, 2.5, 0.3, 1.7


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def svm(X: Any, W: Any) -> Any:
    scores = X @ W
    correct = scores[ROWS, LABELS][:, None]
    margins = np.maximum(0, scores - correct + 1)
    loss = (margins.sum(axis=1) - 1).mean() + RIDGE * np.sum(W * W)
    return loss


def svm_backward(
    X: Any,
    W: Any,
    *,
    correct: float = 1,
    counted: Any = lambda active: active.sum(axis=1),
    divide: float = N,
    mask: Any = lambda margins: margins > 0,
    ridge: float = 2 * RIDGE,
) -> Arrays:
    scores = X @ W
    margins = np.maximum(0, scores - scores[ROWS, LABELS][:, None] + 1)
    margins[ROWS, LABELS] = 0
    active = mask(margins) * 1.0
    active[ROWS, LABELS] -= correct * counted(active)
    return {"W": X.T @ active / divide + ridge * W}


machine = slipping(svm, draw(X=(N, D), W=(D, K)), svm_backward)


def hinge(X: Any, w: Any) -> Any:
    margin = SIGNS * (X @ w)
    loss = np.maximum(0, 1 - margin).sum()
    return loss


def hinge_backward(X: Any, w: Any, *, inside: Any = lambda margin: margin < 1, sign: Any = SIGNS) -> Arrays:
    margin = SIGNS * (X @ w)
    return {"w": -X.T @ (sign * inside(margin))}


hinging = slipping(hinge, draw(X=(N, D), w=(D,)), hinge_backward)


def huber(r: Any) -> Any:
    small = np.abs(r) <= DELTA
    loss = np.sum(np.where(small, 0.5 * r**2, DELTA * (np.abs(r) - 0.5 * DELTA)))
    return loss


def huber_backward(r: Any, *, inside: Any = lambda r: r, outside: Any = lambda r: DELTA * np.sign(r)) -> Arrays:
    return {"r": np.where(np.abs(r) <= DELTA, inside(r), outside(r))}


bounding = slipping(huber, draw(r=(N, D)), huber_backward)


def logistic(X: Any, w: Any) -> Any:
    z = X @ w
    loss = np.mean(np.log(1 + np.exp(-SIGNS * z)))
    return loss


def logistic_backward(X: Any, w: Any, *, factor: Any = lambda z: -SIGNS * sigmoid(-SIGNS * z)) -> Arrays:
    return {"w": X.T @ factor(X @ w) / len(X)}


deciding = slipping(logistic, draw(X=(N, D), w=(D,)), logistic_backward)


def poisson(X: Any, w: Any) -> Any:
    eta = X @ w
    rate = np.exp(eta)
    loss = np.sum(rate - COUNTS * eta)
    return loss


def poisson_backward(X: Any, w: Any, *, factor: Any = lambda eta: np.exp(eta) - COUNTS) -> Arrays:
    return {"w": X.T @ factor(X @ w)}


counting = slipping(poisson, draw(X=(N, D), w=(D,)), poisson_backward)


def divergence(z: Any, q: Any) -> Any:
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = np.sum(p * np.log(p / q))
    return loss


def divergence_backward(z: Any, q: Any, *, inner: Any = lambda p, q: np.log(p / q) + 1, full: bool = True) -> Arrays:
    p = softmax(z)
    dp = inner(p, q)
    return {"z": p * (dp - full * (p * dp).sum(axis=1, keepdims=True)), "q": -p / q}


diverging = slipping(divergence, draw(z=(N, K), q=positive(N, K)), divergence_backward)


def gaussian_divergence(mu: Any, logvar: Any) -> Any:
    var = np.exp(logvar)
    loss = 0.5 * np.sum(var + mu**2 - 1 - logvar)
    return loss


def distillation(z: Any, teacher: Any) -> Any:
    zs = z / TEMPERATURE
    logp = zs - np.log(np.exp(zs).sum(axis=1, keepdims=True))
    q = np.exp(teacher / TEMPERATURE) / np.exp(teacher / TEMPERATURE).sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(q * logp, axis=1))
    return loss


def smoothed_entropy(z: Any) -> Any:
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(SMOOTHED * np.log(p), axis=1))
    return loss


def weighted_error(P: Any, Y: Any) -> Any:
    R = P - Y
    loss = np.sum(IMPORTANCE[:, None] * R**2) / np.sum(IMPORTANCE)
    return loss


def root_mean_square(P: Any, Y: Any) -> Any:
    mse = np.mean((P - Y) ** 2)
    loss = np.sqrt(mse)
    return loss


def absolute_error(P: Any, Y: Any) -> Any:
    loss = np.mean(np.abs(P - Y))
    return loss


def triplet(a: Any, p: Any, n: Any) -> Any:
    near = np.sum((a - p) ** 2, axis=1)
    far = np.sum((a - n) ** 2, axis=1)
    loss = np.sum(np.maximum(0, near - far + 1))
    return loss


def triplet_backward(
    a: Any, p: Any, n: Any, *, far: float = 1, masked: bool = True, sign: float = 1, two: float = 2
) -> Arrays:
    near = np.sum((a - p) ** 2, axis=1)
    active = (near - np.sum((a - n) ** 2, axis=1) + 1 > 0)[:, None] if masked else 1.0
    return {
        "a": two * active * ((a - p) - far * (a - n)),
        "p": -two * active * (a - p),
        "n": sign * two * active * (a - n),
    }


anchoring = slipping(triplet, draw(a=(N, D), p=(N, D), n=(N, D)), triplet_backward)


def cosine(a: Any, b: Any) -> Any:
    na = np.sqrt(np.sum(a * a))
    nb = np.sqrt(np.sum(b * b))
    loss = 1 - (a @ b) / (na * nb)
    return loss


def cosine_backward(
    a: Any, b: Any, *, projected: float = 1, norms: Any = lambda na, nb: na * nb, other: int = 2
) -> Arrays:
    na, nb = np.linalg.norm(a), np.linalg.norm(b)
    c = a @ b / (na * nb)
    return {"a": -(b / norms(na, nb) - projected * c * a / na**other)}


similar = slipping(cosine, draw(a=(D,), b=(D,)), cosine_backward)


def focal(z: Any) -> Any:
    p = 1 / (1 + np.exp(-z))
    loss = -np.sum((1 - p) ** 2 * np.log(p))
    return loss


def focal_backward(z: Any, *, modulation: float = 1, entropy: float = 1) -> Arrays:
    p = sigmoid(z)
    dp = modulation * 2 * (1 - p) * np.log(p) - entropy * (1 - p) ** 2 / p
    return {"z": dp * p * (1 - p)}


focusing = slipping(focal, draw(z=(N,)), focal_backward)


def log_sum(z: Any) -> Any:
    loss = np.sum(np.log(np.exp(z).sum(axis=1)))
    return loss


def weighted_binary(z: Any) -> Any:
    p = 1 / (1 + np.exp(-z))
    y = (SIGNS + 1) / 2
    loss = -np.mean(POSITIVE_WEIGHT * y * np.log(p) + (1 - y) * np.log(1 - p))
    return loss


def weighted_binary_gradient(z: Any, weight: float = POSITIVE_WEIGHT) -> Arrays:
    y = (SIGNS + 1) / 2
    p = sigmoid(z)
    return {"z": (-weight * y * (1 - p) + (1 - y) * p) / len(z)}


RESIDUALS = draw(P=(N, K), Y=(N, K))

BEYOND = (
    machine("X70", "multiclass hinge: the score of the true class gets nothing", "W", "path-missing", correct=0),
    machine(
        "X71",
        "multiclass hinge: the true class counts one violation, not all of them",
        "W",
        "path-missing missing-sum local-factor",
        counted=lambda active: (active.sum(axis=1) > 0) * 1.0,
    ),
    machine("X72", "multiclass hinge: the penalty is not doubled", "W", "factor path-missing", ridge=RIDGE),
    machine("X73", "multiclass hinge: the data term is not divided by the batch", "W", "factor path-doubled", divide=1),
    machine("X74", "multiclass hinge: the penalty subtracted", "W", "path-sign", ridge=-2 * RIDGE),
    machine(
        "X75",
        "multiclass hinge: the size of the violation in place of its mask",
        "W",
        "wrong-mask wrong-tensor local-factor",
        mask=lambda margins: margins,
    ),
    hinging(
        "X76", "hinge: every example counts", "w", "mask-missing wrong-mask", inside=lambda margin: margin < np.inf
    ),
    hinging("X77", "hinge: only the misclassified count", "w", "wrong-mask", inside=lambda margin: margin < 0),
    hinging(
        "X78",
        "hinge: the label is not multiplied back",
        "w",
        "local-factor sign",
        sign=np.ones_like(SIGNS),
    ),
    bounding("X79", "Huber: δ without the sign", "r", "local-factor sign", outside=lambda r: DELTA * np.ones_like(r)),
    bounding(
        "X80", "Huber: the residual on both sides", "r", "mask-missing wrong-mask local-factor", outside=lambda r: r
    ),
    bounding("X81", "Huber: the sign without δ", "r", "factor local-factor", outside=np.sign),
    bounding("X82", "Huber: 2 r inside", "r", "factor local-factor path-doubled", inside=lambda r: 2 * r),
    deciding(
        "X83",
        "logistic loss: σ(m) for σ(−m)",
        "w",
        "local-factor sign",
        factor=lambda z: -SIGNS * sigmoid(SIGNS * z),
    ),
    deciding(
        "X84",
        "logistic loss: p − y with labels −1 and 1",
        "w",
        "wrong-tensor local-factor",
        factor=lambda z: sigmoid(z) - SIGNS,
    ),
    deciding(
        "X85",
        "logistic loss: the label of the margin forgotten by the chain rule",
        "w",
        "local-factor path-missing",
        factor=lambda z: -sigmoid(-SIGNS * z),
    ),
    counting(
        "X86", "Poisson: η for its exponential", "w", "wrong-tensor local-factor", factor=lambda eta: eta - COUNTS
    ),
    counting("X87", "Poisson: the counts forgotten", "w", "path-missing", factor=np.exp),
    counting(
        "X88",
        "Poisson: the exponential multiplied once more",
        "w",
        "local-factor",
        factor=lambda eta: (np.exp(eta) - COUNTS) * np.exp(eta),
    ),
    diverging(
        "X89",
        "KL of a softmax: its Jacobian taken for its diagonal",
        "z",
        "diagonal-for-full path-missing",
        full=False,
    ),
    diverging(
        "X90",
        "KL of a softmax: p − q as for cross-entropy",
        "z",
        "local-factor wrong-tensor",
        inner=lambda p, q: p - q,
    ),
    Case(
        "X91",
        "KL of two Gaussians: the −1 of the log-variance forgotten",
        gaussian_divergence,
        draw(mu=(N, D), logvar=(N, D)),
        about=("mu", "logvar"),
        claimed=lambda mu, logvar: {"mu": mu, "logvar": 0.5 * np.exp(logvar)},
        right=lambda mu, logvar: {"mu": mu, "logvar": 0.5 * (np.exp(logvar) - 1)},
        accepted=("path-missing",),
    ),
    Case(
        "X92",
        "KL of two Gaussians: differentiated by the variance, not its logarithm",
        gaussian_divergence,
        draw(mu=(N, D), logvar=(N, D)),
        about=("logvar",),
        claimed=lambda mu, logvar: {"logvar": 0.5 * (1 - np.exp(-logvar))},
        right=lambda mu, logvar: {"logvar": 0.5 * (np.exp(logvar) - 1)},
        accepted=("local-factor",),
    ),
    Case(
        "X93",
        "distillation: the temperature does not divide the gradient",
        distillation,
        draw(z=(N, K), teacher=(N, K)),
        about=("z",),
        claimed=lambda z, teacher: {"z": (softmax(z / TEMPERATURE) - softmax(teacher / TEMPERATURE)) / N},
        right=lambda z, teacher: {"z": (softmax(z / TEMPERATURE) - softmax(teacher / TEMPERATURE)) / N / TEMPERATURE},
        accepted=("factor", "local-factor"),
    ),
    Case(
        "X94",
        "distillation: the probabilities at temperature one",
        distillation,
        draw(z=(N, K), teacher=(N, K)),
        about=("z",),
        claimed=lambda z, teacher: {"z": (softmax(z) - softmax(teacher / TEMPERATURE)) / N / TEMPERATURE},
        right=lambda z, teacher: {"z": (softmax(z / TEMPERATURE) - softmax(teacher / TEMPERATURE)) / N / TEMPERATURE},
        accepted=("wrong-tensor", "local-factor"),
    ),
    Case(
        "X95",
        "label smoothing: the hard labels in the gradient",
        smoothed_entropy,
        draw(z=(N, K)),
        about=("z",),
        claimed=lambda z: {"z": (softmax(z) - np.eye(K)[LABELS]) / N},
        right=lambda z: {"z": (softmax(z) - SMOOTHED) / N},
        accepted=("wrong-tensor", "local-factor"),
    ),
    Case(
        "X96",
        "weights of the examples left out",
        weighted_error,
        RESIDUALS,
        about=("P",),
        claimed=lambda P, Y: {"P": 2 * (P - Y) / IMPORTANCE.sum()},
        right=lambda P, Y: {"P": 2 * IMPORTANCE[:, None] * (P - Y) / IMPORTANCE.sum()},
        accepted=("local-factor", "mask-missing"),
    ),
    Case(
        "X97",
        "weighted error divided by the number of examples, not by the weights",
        weighted_error,
        RESIDUALS,
        about=("P",),
        claimed=lambda P, Y: {"P": 2 * IMPORTANCE[:, None] * (P - Y) / len(P)},
        right=lambda P, Y: {"P": 2 * IMPORTANCE[:, None] * (P - Y) / IMPORTANCE.sum()},
        accepted=("factor",),
    ),
    Case(
        "X98",
        "root mean square: the root's derivative skipped",
        root_mean_square,
        RESIDUALS,
        about=("P",),
        claimed=lambda P, Y: {"P": 2 * (P - Y) / P.size},
        right=lambda P, Y: {"P": (P - Y) / P.size / np.sqrt(np.mean((P - Y) ** 2))},
        accepted=("local-factor", "factor"),
    ),
    Case(
        "X99",
        "absolute error: the residual in place of its sign",
        absolute_error,
        RESIDUALS,
        about=("P",),
        claimed=lambda P, Y: {"P": (P - Y) / P.size},
        right=lambda P, Y: {"P": np.sign(P - Y) / P.size},
        accepted=("local-factor", "wrong-tensor"),
    ),
    anchoring("X100", "triplet: the anchor forgets the negative", "a", "path-missing", far=0),
    anchoring("X101", "triplet: the easy triplets are not masked", "a p n", "mask-missing", masked=False),
    anchoring("X102", "triplet: the sign of the negative", "n", "sign path-sign", sign=-1),
    anchoring("X103", "triplet: the anchor adds the negative", "a", "path-sign", far=-1),
    similar("X104", "cosine: the norm of a taken for a constant", "a", "path-missing diagonal-for-full", projected=0),
    similar("X105", "cosine: |a| for |a|² in the second term", "a", "local-factor", other=1),
    similar("X106", "cosine: the sign of the projection", "a", "path-sign", projected=-1),
    focusing("X107", "focal loss: the modulating factor taken for a constant", "z", "path-missing", modulation=0),
    focusing("X108", "focal loss: the sign of the modulating factor", "z", "path-sign", modulation=-1),
    Case(
        "X109",
        "log-sum-exp: the sum is not divided by",
        log_sum,
        draw(z=(N, K)),
        about=("z",),
        claimed=lambda z: {"z": np.exp(z)},
        right=lambda z: {"z": softmax(z)},
        accepted=("local-factor",),
    ),
    Case(
        "X110",
        "log-sum-exp: divided by the sum over the wrong axis",
        log_sum,
        draw(z=(N, K)),
        about=("z",),
        claimed=lambda z: {"z": np.exp(z) / np.exp(z).sum(axis=0)},
        right=lambda z: {"z": softmax(z)},
        accepted=("wrong-axis", "local-factor"),
    ),
    Case(
        "X111",
        "weighted cross-entropy: the weight of the positives left out",
        weighted_binary,
        draw(z=(N,)),
        about=("z",),
        claimed=lambda z: weighted_binary_gradient(z, weight=1.0),
        right=weighted_binary_gradient,
        accepted=("factor", "local-factor", "path-missing"),
    ),
)
