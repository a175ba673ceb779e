"""Which claims are found in a notebook, which are not claims, and what is said of each."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

LAYER = """
X = torch.randn(7, 5)
Y = torch.randn(7, 3)
W = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
out = X @ W + b
loss = ((out - Y) ** 2).mean()
loss.backward()
upstream = (2 * (out - Y) / 21).detach()
"""
OK = {"right", "right up to rounding"}


@pytest.mark.parametrize(
    "claim",
    [
        "assert torch.allclose(W.grad, hand)",
        "torch.allclose(hand, W.grad, atol=1e-3)",
        "all((hand == W.grad).flatten())",
        "(hand == W.grad).all()",
        "print((W.grad - hand).abs().max())",
        "assert (W.grad - hand).abs().max() < 1e-6",
        "error = W.grad - hand",
        "torch.norm(hand - W.grad)",
        "W.grad, hand",
        "print(W.grad, '<>', hand)",
        "print(f'pytorch: {W.grad} by hand: {hand}')",
        "print('autograd {} manual {}'.format(W.grad, hand))",
        "print('autograd %s manual %s' % (W.grad, hand))",
        "text = f'{W.grad} vs {hand}'",
        "print('torch', W.grad)\nprint('by hand', hand)",
        "np.testing.assert_allclose(W.grad.numpy(), hand.numpy(), rtol=1e-4)",
        "np.abs(W.grad.numpy() - hand.numpy()).max()",
        "torch.allclose(W.grad.T, hand.T)",
        "torch.allclose(W.grad.flatten(), hand.reshape(-1))",
        "torch.allclose(torch.stack([row for row in W.grad]), hand)",
        "def compare(claimed, true):\n    return bool((claimed == true.grad).all())\ncompare(hand, W)",
        "g = W.grad.detach().clone()\ntorch.equal(g, hand)",
        "filled = torch.zeros_like(W.grad)\nfilled[:] = hand\ntorch.equal(filled, W.grad)",
        "total = torch.zeros(5, 3)\nfor j in range(5):\n    total[j] = W.grad[j]\ntorch.equal(total, hand)",
        "total = torch.zeros(5, 3)\ntotal += W.grad\ntorch.equal(total, hand)",
    ],
)
@pytest.mark.parametrize(("factor", "expected"), [("1.0", OK), ("1.034", {"wrong"})])
def test_every_way_to_compare_is_a_claim(audit: Any, claim: str, factor: str, expected: set[str]) -> None:
    if expected == {"wrong"} and claim == "W.grad, hand":
        pytest.skip("two values side by side that differ are a claim only with a word or a name for it")
    result = audit(LAYER, f"hand = X.T @ upstream * {factor}\n{claim}")
    assert {finding.verdict for finding in result.findings} & expected, result.findings
    assert {finding.verdict for finding in result.findings} <= expected
    assert result.problems == []


@pytest.mark.parametrize(
    "line",
    [
        "print('W', W, 'its gradient', W.grad, 'loss', loss.item())",
        "print(f'x = {W}, grad = {W.grad}')",
        "print((W.grad == 0).sum())",
        "if W.grad.sum() == 0: pass",
        "W.grad == None",
        "W.grad.shape == W.shape",
        "W.grad == W.grad.clone()",
        "print(W.grad.norm(), W.grad.abs().max())",
        "step = W - 0.1 * W.grad",
        "dW = -0.1 * W.grad",
        "momentum = 0.9 * torch.zeros(5, 3) + W.grad\nprint(momentum - W.grad)",
        "dW = torch.randn(5, 3) * 0.01",
        "d = 3.0\ndt = 0.1\ndata = torch.ones(3)\ndimension = 3",
        "difference = out - Y\nprint(difference.abs().max())",
        "grads = [W.grad, b.grad]\nprint(grads)",
        "print('epoch', 3, W.grad[0, 0].item(), loss.item())",
        "print('auto:', W.grad)\nprint('the data, computed before:', X)",
    ],
)
def test_what_is_no_claim(audit: Any, line: str) -> None:
    result = audit(LAYER, line)
    assert result.findings == []
    assert result.problems == []
    assert result.outcomes[1].errors == []


@pytest.mark.parametrize(
    ("cells", "name", "verdict", "mistake"),
    [
        (["dloss_dW = X.T @ upstream"], "dloss_dW", "right", None),
        (["dloss_dW = upstream.T @ X"], "dloss_dW", "right", None),
        (["dW = upstream.T @ X"], "dW", "right value, wrong shape", "transposed"),
        (["db = upstream.sum(0)"], "db", "right", None),
        (["db = upstream.mean(0)"], "db", "wrong", "averaged or factor"),
        (["db = upstream"], "db", "wrong", "missing-sum"),
        (["grad_loss = X.T @ upstream"], "grad_loss", "right", None),
        (["grad_W = -X.T @ upstream"], "grad_W", "wrong", "sign"),
        (["W.g = X.T @ upstream"], "W.g", "right", None),
        (["b.g = upstream.sum(0, keepdim=True)"], "b.g", "right value, wrong shape", "shape"),
        (["dout_db = 1"], "dout_db", "right", None),
        (["dLdW_hand = X.T @ upstream"], "dLdW_hand", "right", None),
        (["d_loss_d_W = X.T @ upstream * 3"], "d_loss_d_W", "wrong", "factor"),
        (["dloss_dW = torch.zeros(5, 3)", "for n in range(7):\n    dloss_dW += torch.outer(X[n], upstream[n])"],
         "dloss_dW", "right", None),
        (["dloss_dW = torch.zeros(5, 3)\nfor j in range(5):\n    dloss_dW[j] = X[:, j] @ upstream"],
         "dloss_dW", "right", None),
        (["def back(d):\n    dW = X.T @ d\n    return dW\nresult = back(upstream)"], "dW", "right", None),
    ],
)  # fmt: skip
def test_names(audit: Any, cells: list[str], name: str, verdict: str, mistake: str | None) -> None:
    result = audit(LAYER, *cells)
    found = [finding for finding in result.findings if finding.name == name]
    assert len(found) == 1, result.findings
    assert found[0].verdict in ({verdict, "right up to rounding"} if verdict == "right" else {verdict})
    if verdict != "right":
        assert found[0].mistake in str(mistake).split(" or ")


def test_a_name_that_speaks_of_nothing_is_no_claim(audit: Any) -> None:
    result = audit(LAYER, "dMSE_dx1 = X\ndelta = 1\nd_model = 512\ngrad_scale = 3.0\ndx = torch.ones(2)")
    assert result.findings == []


def test_forms_of_a_jacobian(audit: Any) -> None:
    result = audit(
        """
        x = torch.tensor([1.0, 2.0])
        W = torch.randn(2, 3, requires_grad=True)
        h = x @ W
        dh_dW = x.repeat(3, 1).T
        s = torch.tanh(h)
        ds_dh = 1 - s**2
        p = torch.softmax(h, 0)
        dp_dh = torch.diag(p) - torch.outer(p, p)
        """,
        "dp_dh = p * (1 - p)",
    )
    messages = [finding.message for finding in result.findings]
    assert messages[0].startswith("the entries on the delta, 6 of 18")
    assert messages[1].startswith("the diagonal, 3 of 9")
    assert [finding.verdict in OK for finding in result.findings] == [True, True, True, False]
    assert result.findings[3].mistake == "diagonal-for-full"


def test_a_forgotten_mask_on_a_diagonal_is_seen(audit: Any) -> None:
    result = audit(
        """
        h = torch.tensor([-1.0, 2.0, -3.0], requires_grad=True)
        a = torch.relu(h)
        da_dh = torch.ones(3)
        """
    )
    assert result.only("da_dh").mistake == "mask-missing"


def test_names_without_a_path_are_zero(audit: Any) -> None:
    result = audit(
        """
        w = torch.tensor(2.0, requires_grad=True)
        h0 = torch.tensor(0.5, requires_grad=True)
        h1 = w * h0
        dh0_dw = 0
        dw_over_h1 = 0.5
        """
    )
    assert set(result.verdicts.values()) == {"right"}


@pytest.mark.parametrize("order", ["L.backward()\n    dW = hand()", "dW = hand()\n    L.backward()"])
def test_training_by_hand_is_judged_before_each_step(audit: Any, order: str) -> None:
    result = audit(
        f"""
x, y = torch.randn(20, 5), torch.randn(20)
W = torch.randn(5, requires_grad=True)
def hand():
    return 2 * x.T @ (x @ W - y).detach() / 20
for step in range(4):
    W.grad = None
    L = ((x @ W - y) ** 2).mean()
    {order}
    W.data -= 0.1 * W.grad
"""
    )
    assert result.outcomes[0].errors == []
    assert result.only("dW").ok


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("back", ["dh[h <= 0] = 0\ndW = X.T @ dh", "dW = X.T @ (dh * (h > 0))"])
def test_the_next_step_back_may_bear_the_same_name(audit: Any, back: str, factor: int) -> None:
    result = audit(
        """
        X, W, V = torch.randn(6, 4), torch.randn(4, 3, requires_grad=True), torch.randn(3, 2)
        h = torch.relu(X @ W)
        loss = ((h @ V) ** 2).sum()
        loss.backward()
        """,
        f"with torch.no_grad():\n    dh = {factor} * 2 * (h @ V) @ V.T\n    " + back.replace("\n", "\n    "),
    )
    assert (result.only("dh").verdict in OK) == (factor == 1)
    assert (result.only("dW").verdict in OK) == (factor == 1)


def test_a_compare_function_names_what_was_handed_in(audit: Any) -> None:
    result = audit(
        LAYER,
        """
        def cmp(name, dt, t):
            exact = torch.all(dt == t.grad).item()
            close = torch.allclose(dt, t.grad)
            print(name, exact, close, (dt - t.grad).abs().max().item())
        dW = X.T @ upstream
        db = upstream.sum(0) * 2
        cmp("W", dW, W)
        cmp("b", db, b)
        """,
    )
    assert result.only("dW").ok
    assert result.only("db").verdict == "wrong"


def test_one_claim_that_is_made_three_times_is_one_finding(audit: Any) -> None:
    result = audit(LAYER, "b.g = upstream.sum(0, keepdim=True)", "assert torch.equal(b.grad, b.g)", "b.grad, b.g")
    finding = result.only("b.g")
    assert finding.verdict == "right value, wrong shape"
    assert (finding.cell, finding.line) == (3, 1)
    assert {cell for cell, _ in finding.also} == {2, 4}


def test_rounding_is_told_from_mistakes_where_numbers_cancel(audit: Any) -> None:
    """The residual has lost three digits in single precision; the same formula in double differs by that much."""
    result = audit(
        """
        x = torch.tensor([1e4, 1.0], requires_grad=True)
        y = (x.sum() - 10000.9) ** 2
        y.backward()
        exact = 2 * (np.array([1e4, 1.0]).sum() - 10000.9) * np.ones(2)
        print(x.grad, "<>", exact)
        """
    )
    (finding,) = result.findings
    assert finding.verdict == "right up to rounding"
    assert finding.details["difference"] > 1e-4


def test_a_gradient_that_is_only_noise_is_zero(audit: Any) -> None:
    result = audit(
        """
        X, W = torch.randn(64, 10), torch.randn(10, 4)
        b = torch.randn(4, requires_grad=True)
        z = X @ W + b
        normal = (z - z.mean(0)) / ((z - z.mean(0)) ** 2).mean(0).sqrt()
        (normal**3).mean().backward()
        torch.allclose(b.grad, torch.zeros(4))
        """
    )
    (finding,) = result.findings
    assert finding.ok


def test_gradients_from_functions(audit: Any) -> None:
    result = audit(
        """
        from_function = torch.autograd.functional.jacobian(lambda t: t**2, torch.tensor([1.0, 2.0]))
        torch.equal(from_function, torch.diag(torch.tensor([2.0, 4.0])))
        torch.equal(torch.diag(from_function), torch.tensor([2.0, 5.0]))
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        (g,) = torch.autograd.grad((x**3).sum(), x)
        print(torch.allclose(g, 3 * x**2))
        print(torch.allclose(g, 3 * x**3))
        h = torch.func.grad(lambda t: (t**3).sum())(x.detach())
        h - 3 * x.detach() ** 2
        """
    )
    assert [finding.verdict in OK for finding in result.findings] == [True, False, True, False, True]


def test_chainrules_own_functions(audit: Any) -> None:
    result = audit(
        """
        import chainrule as cr
        f, x = lambda x: np.sum(x**3), np.array([1.0, 2.0])
        assert np.allclose(cr.grad(f)(x), 3 * x**2)
        value, g = cr.value_and_grad(f)(x)
        print((g == 3 * x**3).all())
        print(np.allclose(cr.hessian(f)(x).dense(), np.diag(6 * x)))
        value, pull = cr.vjp(f, x)
        print(pull(1.0), "vs", 3 * x**2)
        print(value == 9.0)
        """
    )
    if result.findings:  # PyTorch alone knows nothing of them
        assert [finding.verdict in OK for finding in result.findings] == [True, False, True, True]


def test_what_later_cells_display_beside_a_gradient_counts_if_it_is_right(audit: Any) -> None:
    right = audit(LAYER, "W.grad", "upstream.T @ X", "X.T @ upstream  # the same", "W", "5 * W")
    assert [(finding.cell, finding.name) for finding in right.findings] == [(4, "W.grad")]
    assert right.findings[0].ok


def test_numbers_beside_gradients(audit: Any) -> None:
    result = audit(
        """
        x = torch.tensor(3.0, requires_grad=True)
        (x**2).backward()
        assert abs(x.grad.item() - 6) < 1e-6
        print(x.grad, "<>", 6)
        print(x.grad == 5)
        y = torch.tensor(0.7, requires_grad=True)
        torch.sin(y).backward()
        print(y.grad, "expected", 0.7648)
        print(y.grad, "expected", 0.7658)
        """
    )
    verdicts = [finding.verdict in OK for finding in result.findings]
    assert verdicts == [True, True, False, True, False]
    assert "within the digits that are written" in result.findings[3].message


def test_finite_differences_are_as_right_as_they_can_be(audit: Any) -> None:
    result = audit(
        """
        x = torch.tensor([0.3, -0.8, 1.1], requires_grad=True)
        torch.sin(x).sum().backward()
        at = x.detach()
        numerical = (torch.sin(at + 1e-2) - torch.sin(at - 1e-2)) / 2e-2
        print((numerical - x.grad).abs().max())
        """
    )
    assert result.findings[0].verdict == "right up to rounding"


def test_accumulated_gradients_are_explained(audit: Any) -> None:
    result = audit(
        """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        (x**2).sum().backward()
        (x**2).sum().backward()
        torch.allclose(x.grad, 2 * x)
        """
    )
    assert result.findings[0].mistake == "stale"


def test_undecidable(audit: Any) -> None:
    result = audit(
        """
        x = torch.tensor([0.0, 1.0], requires_grad=True)
        (x * float("nan")).sum().backward()
        hand = torch.zeros(2)
        torch.allclose(x.grad, hand)
        """
    )
    assert [finding.verdict for finding in result.findings] == ["undecidable"], result.outcomes


def test_the_notebook_runs_as_it_would_without_a_check(audit: Any) -> None:
    result = audit(
        """
        calls = []
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        h = x * 3
        h.retain_grad()
        h.register_hook(lambda gradient: calls.append(1))
        y = (h**2).sum()
        y.backward()
        dy_dx = 18 * x
        dy_dh = 2 * h
        x.grad - dy_dx * 1.0000001
        """,
        "kept = h.grad.clone()\ny.backward()",
        "again = torch.equal(kept, 2 * h)",
    )
    assert result.namespace["calls"] == [1]
    assert result.namespace["again"] is True
    assert "backward" in result.outcomes[1].errors[0][1], "a second backward through a freed graph must fail"
    assert all(finding.ok for finding in result.findings)


def test_a_claim_that_cannot_be_judged_is_reported_and_disturbs_nothing(
    audit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("planted")

    # by its module, not by its dotted name: chainrule.check is the function
    monkeypatch.setattr(import_module("chainrule.check.notebook.comparisons"), "judge", broken)
    result = audit(LAYER, "print(W.grad == X.T @ upstream)")
    assert result.outcomes[1].errors == []
    assert result.problems == ["cell 2, line 1: not judged (ZeroDivisionError: planted)"]


def test_a_claim_in_a_function_has_its_own_line_unless_it_was_handed_in(audit: Any) -> None:
    result = audit(
        LAYER,
        """
        def same(a, b):
            return torch.allclose(torch.as_tensor(a), b)
        def check(name, claimed, true):
            print(name, same(claimed, true))
        def main():
            dW = X.T @ upstream
            assert torch.allclose(dW, W.grad)
            db = upstream.sum(0) * 2
            check("b", db, b.grad)
        main()
        """,
    )
    assert [(finding.name, finding.line) for finding in result.findings] == [("dW", 8), ("db", 10)]


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "right up to rounding"), (1.001, "wrong")])
def test_numbers_that_were_rounded_before_they_became_double(audit: Any, factor: float, verdict: str) -> None:
    result = audit(
        f"""
        x = torch.Tensor([-0.4]).double()
        x.requires_grad = True
        (x.tanh() * x).sum().backward()
        t = math.tanh(-0.4)
        grad_x = {factor} * (t - 0.4 * (1 - t * t))
        print(abs(grad_x - x.grad.item()) < 1e-6)
        """
    )
    assert result.only("grad_x").verdict == verdict
