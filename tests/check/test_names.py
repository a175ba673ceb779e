"""What the names of variables say, given the tensors that there are."""

from __future__ import annotations

import pytest

from chainrule.check.rewriting.names import readings

SCOPE = {
    name: object() for name in ("loss", "W", "W1", "h", "pred", "mse", "H0", "H1", "w_h", "W_h", "prob", "score", "x")
}


def read(name: str, scope: dict[str, object] = SCOPE, last: object = None) -> list[str]:
    return [reading.text for reading in readings(name, scope, lambda value: True, last)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dloss_dW", "∂loss/∂W"),
        ("dlossdW", "∂loss/∂W"),
        ("d_loss_d_W", "∂loss/∂W"),
        ("dloss_dW1", "∂loss/∂W1"),
        ("dloss_dw_1", "∂loss/∂W1"),
        ("dMSE_dpred", "∂mse/∂pred"),
        ("dprob_dscore", "∂prob/∂score"),
        ("dpred_dprob", "∂pred/∂prob"),
        ("dloss_over_dW", "∂loss/∂W"),
        ("grad_loss_wrt_W", "∂loss/∂W"),
        ("dloss_dW_hand", "∂loss/∂W"),
        ("my_dloss_dW", "∂loss/∂W"),
        ("dloss_dW_by_hand", "∂loss/∂W"),
        ("dL_dW", "∂loss/∂W"),
        ("dL_dpred_manual", "∂loss/∂pred"),
        ("grad_mse", "∂mse"),
        ("grad_W", "∂W"),
        ("W_grad", "∂W"),
        ("dW", "∂/∂W"),
        ("d_pred", "∂/∂pred"),
    ],
)
def test_readings(name: str, expected: str) -> None:
    assert read(name, last=SCOPE["loss"])[0] == expected


@pytest.mark.parametrize(
    "name", ["dMSE_dx1", "delta", "dt", "data", "d_model", "grad_scale", "dL_dQ", "dcover_dx2", "W"]
)
def test_no_reading(name: str) -> None:
    assert read(name) == []


def test_a_name_that_is_written_the_other_way_round_has_both_readings() -> None:
    assert read("dw_h_over_h1") == ["∂w_h/∂H1", "∂H1/∂w_h"]


def test_two_tensors_that_fit_as_well_are_not_guessed() -> None:
    assert read("dloss_da", {"loss": object(), "A_": object(), "a_": object()}) == []
    same = object()
    assert read("dloss_da", {"loss": object(), "A": same, "A_": same}) == ["∂loss/∂A"]


def test_a_letter_for_the_loss() -> None:
    assert read("dE_dW") == []
    assert read("dE_dW", last=SCOPE["mse"]) == ["∂mse/∂W"]
    assert read("dE_dW", last=object()) == ["∂E/∂W"]
