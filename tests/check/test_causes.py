"""One mistake gives one message: what follows from a wrong gradient is said to follow from it."""

from __future__ import annotations

from typing import Any

import pytest

NET = """
X = torch.randn(7, 5)
Y = torch.randn(7, 3)
W1 = torch.randn(5, 11, requires_grad=True)
W2 = torch.randn(11, 3, requires_grad=True)
z = X @ W1
h = torch.tanh(z)
out = h @ W2
loss = ((out - Y) ** 2).mean()
for t in (z, h, out):
    t.retain_grad()
loss.backward()
"""
PASS = """
dout = 2 * (out - Y) / 21
dW2 = h.T @ dout
dh = dout @ W2.T
dz = dh * (1 - h ** 2)
dW1 = X.T @ dz
"""
COMPARED = "\n".join(
    f"torch.allclose(d{name}, {name}.grad)" for name in ("out", "W2", "h", "z", "W1")
)  # after the names, so that each is claimed in two ways


def follows(result: Any) -> dict[str, str | None]:
    """What each wrong claim is said to follow from."""
    return {finding.name: finding.details.get("follows") for finding in result.findings if not finding.ok}


@pytest.mark.parametrize("compared", ["", COMPARED])
@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("1 - h ** 2", "1 - z ** 2", {"dz": None, "dW1": "dz"}),
        ("/ 21", "/ 7", {"dout": None, "dW2": "dout", "dh": "dout", "dz": "dout", "dW1": "dout"}),
        ("X.T @ dz", "-X.T @ dz", {"dW1": None}),
        ("h.T @ dout", "2 * h.T @ dout", {"dW2": None}),
    ],
)
def test_what_follows(audit: Any, right: str, wrong: str, expected: dict[str, str | None], compared: str) -> None:
    assert right in PASS
    result = audit(NET, PASS.replace(right, wrong) + compared)
    assert result.problems == []
    assert follows(result) == expected


def test_two_mistakes_are_two_causes(audit: Any) -> None:
    wrong = PASS.replace("1 - h ** 2", "1 - z ** 2").replace("/ 21", "/ 7")
    result = audit(NET, wrong)
    assert follows(result) == {"dout": None, "dW2": "dout", "dh": "dout", "dz": None, "dW1": "dz"}
    assert result.only("dh").message == "right, given your dout, which is wrong"
    assert {finding.verdict for finding in result.findings} == {"wrong"}


def test_two_causes_may_meet(audit: Any) -> None:
    net = NET.replace("h = torch.tanh(z)", "h = torch.tanh(z) * z").replace("(z, h, out)", "(z, h, out)")
    net = net.replace("z = X @ W1", "z = X @ W1\nu = torch.tanh(z)").replace("torch.tanh(z) * z", "u * z.sin()")
    wrong = "dout = 2 * (out - Y) / 21\ndh = dout @ W2.T * 3\ndu = dh * z.sin() * 5\n"
    wrong += "dz = dh * u * z.cos() + du * (1 - u ** 2)\ndW1 = X.T @ dz"
    result = audit(net, wrong)
    assert follows(result) == {"dh": None, "du": None, "dz": "dh, du", "dW1": "dh, du"}
    assert result.only("dW1").message == "right, given your dh and du, which are wrong"


def test_a_second_mistake_downstream_is_not_hidden(audit: Any) -> None:
    wrong = PASS.replace("1 - h ** 2", "1 - z ** 2").replace("X.T @ dz", "3 * X.T @ dz")
    assert follows(audit(NET, wrong)) == {"dz": None, "dW1": None}


def test_the_cause_may_be_in_an_earlier_cell(audit: Any) -> None:
    cells = PASS.replace("1 - h ** 2", "1 - z ** 2").strip().split("\n")
    assert follows(audit(NET, *cells)) == {"dz": None, "dW1": "dz"}


def test_what_follows_may_have_another_shape(audit: Any) -> None:
    net = NET.replace("z = X @ W1", "b = torch.randn(1, 11, requires_grad=True)\nz = X @ W1 + b")
    result = audit(net, PASS.replace("1 - h ** 2", "1 - z ** 2") + "db = dz.sum(0)")
    assert follows(result) == {"dz": None, "dW1": "dz", "db": "dz"}
    assert result.only("db").message.startswith("given your dz, which is wrong: shape (11,), true gradient (1, 11)")


def test_claims_of_another_pass_are_no_cause(audit: Any) -> None:
    again = NET.replace("requires_grad=True", "requires_grad=True").replace("torch.randn(7, 3)", "torch.zeros(7, 3)")
    result = audit(NET, "dh = -2 * (out - Y) / 21 @ W2.T", again, "dW1 = -X.T @ (2 / 21 * out @ W2.T * (1 - h ** 2))")
    assert follows(result) == {"dh": None, "dW1": None}


def test_a_gradient_that_accumulated_is_judged_by_the_pass_that_it_is_from(audit: Any) -> None:
    text = NET + "\n(W1 ** 2).sum().backward()\n"
    result = audit(text, PASS.replace("1 - h ** 2", "1 - z ** 2") + "torch.allclose(dz, z.grad)")
    assert follows(result)["dz"] is None


@pytest.mark.parametrize(("written", "mistake"), [("dx1", "path-missing"), ("dx1 - dx2", "path-sign")])
def test_a_part_of_the_sum_that_is_lost_or_turned(audit: Any, written: str, mistake: str) -> None:
    result = audit(
        f"""
        x = torch.randn(4, 3, requires_grad=True)
        a, b = torch.randn(4, 3), torch.randn(4, 3)
        (x * a + torch.sin(x) * b).sum().backward()
        dx1, dx2 = a, torch.cos(x.detach()) * b
        dx = {written}
        torch.allclose(dx, x.grad)
        """
    )
    assert result.only("dx").mistake == mistake
