"""The smallest whole thing: one tensor, one gradient, one Jacobian. If this fails, read nothing else."""

import numpy as np

import chainrule as cr


def test_backward() -> None:
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_gradient_of_numpy_code() -> None:
    assert cr.grad(lambda x: np.sum(np.sin(x)))(np.zeros(2)).tolist() == [1.0, 1.0]


def test_jacobian_is_kept_small() -> None:
    x = np.array([1.0, 2.0])
    kept = cr.jacobian(lambda W: x @ W)(np.ones((2, 3)))
    assert (kept.shape, kept.stored, kept.entries) == ((3, 2, 3), 2, 6)
