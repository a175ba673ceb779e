"""Functions of PyTorch's and JAX's arrays are followed in a copy: their mistakes have a step and a name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.check.function.twin import bare, twin

RANDOM = np.random.default_rng(5)
X, W, B, Y = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(3, 2)), RANDOM.normal(size=2), RANDOM.normal(size=(5, 2))


def test_a_copy_of_a_function_of_numpy_is_the_function() -> None:
    copy = twin(lambda W: np.sum(X @ W), {"numpy"})
    assert copy(W) == np.sum(X @ W)


def test_what_a_library_wraps_around_a_function_is_looked_through() -> None:
    def inner(x: Any) -> Any:
        return x

    def outer(x: Any) -> Any:
        return inner(x)

    outer.__wrapped__ = inner  # type: ignore[attr-defined]
    assert bare(inner) is inner
    assert bare(outer) is inner
    assert bare(SimpleNamespace(fun=outer)) is inner


class _Gradient:
    """tanh(X W + b) compared with Y, in a library's arrays, and its gradient by hand."""

    def __init__(self, make: Any, tanh: Any, mean: Any) -> None:
        x, y = make(X), make(Y)
        self.W, self.b = make(W), make(B)

        def loss(W: Any, b: Any) -> Any:
            h = tanh(x @ W + b)
            return mean((h - y) ** 2)

        self.loss = loss
        h = np.tanh(X @ W + B)
        self.h, self.dh = h, 2 / 10 * (h - Y)
        self.dz = self.dh * (1 - h**2)

    def mistakes(self) -> dict[str, Any]:
        """Wrong gradients by W, by the mistake that each is to be called."""
        return {
            "local-factor": X.T @ self.dh,
            "sign": -(X.T @ self.dz),
            "factor": X.T @ self.dz * 10,
        }

    def holds(self) -> None:
        """The right one is right, the wrong ones are named."""
        right = cr.check(self.loss, {"W": X.T @ self.dz, "b": self.dz.sum(0)}, self.W, self.b)
        assert right.ok
        assert "f was followed in a copy that computes with NumPy and gives the same." in right.notes
        for mistake, claimed in self.mistakes().items():
            (finding,) = cr.check(self.loss, {"W": claimed}, self.W, self.b).wrong
            assert finding.mistake == mistake
        assert cr.check(self.loss, {"W": self.mistakes()["local-factor"]}, self.W, self.b).wrong[0].step


@pytest.mark.oracle
def test_a_function_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    _Gradient(torch.tensor, torch.tanh, torch.mean).holds()


@pytest.mark.oracle
def test_a_function_of_jax() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    try:
        _Gradient(jax.numpy.asarray, jax.numpy.tanh, jax.numpy.mean).holds()
    finally:
        jax.config.update("jax_enable_x64", False)


@pytest.mark.oracle
def test_the_backward_of_a_function_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor(X)

    class Layer(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(context: Any, W: Any, b: Any) -> Any:
            context.save_for_backward(W, b)
            return torch.relu(x @ W + b)

        @staticmethod
        def backward(context: Any, upstream: Any) -> Any:
            W, b = context.saved_tensors
            return x.T @ (upstream * (x @ W + b > 0)), upstream.sum(0)

    def claimed(W: Any, b: Any, upstream: Any) -> Any:
        leaves = [leaf.detach().requires_grad_() for leaf in (W, b)]
        return torch.autograd.grad(Layer.apply(*leaves), leaves, upstream)

    (finding,) = cr.check(Layer.apply, claimed, torch.tensor(W), torch.tensor(B)).wrong
    assert (finding.name, finding.mistake) == ("b", "mask-missing")


@pytest.mark.oracle
def test_the_rule_of_a_function_of_jax() -> None:
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def softened(x: Any, scale: Any) -> Any:
        return jnp.log(1 + jnp.exp(x)) * scale

    def forward(x: Any, scale: Any) -> Any:
        return softened(x, scale), (x, scale)

    def backward(kept: Any, upstream: Any) -> Any:
        x, _ = kept
        return upstream * jax.nn.sigmoid(x), upstream * jnp.log(1 + jnp.exp(x))

    softened.defvjp(forward, backward)

    def claimed(x: Any, scale: Any, upstream: Any) -> Any:
        return jax.vjp(softened, x, scale)[1](upstream)

    x, scale = jnp.asarray([1.0, -2.0, 0.5]), jnp.asarray([0.3, 2.0, -1.0])
    (finding,) = cr.check(softened, claimed, x, scale).wrong
    assert (finding.name, finding.mistake) == ("x", "local-factor")
    assert cr.check(jax.jit(lambda x: jnp.sum(jax.nn.relu(x))), {"x": jnp.asarray([1.0, 0.0])}, x[:2]).ok


@pytest.mark.oracle
def test_half_precision_has_its_own_rounding() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor(X, dtype=torch.bfloat16, requires_grad=True)
    (gradient,) = torch.autograd.grad((x * x).sum(), x)
    assert cr.check(lambda x: (x * x).sum(), {"x": gradient}, x).ok
    assert cr.check(lambda x: (x * x).sum(), {"x": gradient * 2}, x).wrong


@pytest.mark.oracle
def test_code_that_has_no_counterpart_is_only_called() -> None:
    jax = pytest.importorskip("jax")
    key = jax.random.PRNGKey(0)

    def dropped(x: Any) -> Any:
        return jax.numpy.sum(x * jax.random.bernoulli(key, 0.5, x.shape))

    report = cr.check(dropped, jax.grad(dropped), jax.numpy.ones(4))
    assert report.ok
    assert any("could only be called" in note for note in report.notes)
