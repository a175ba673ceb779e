"""Backward passes with one wrong step: the steps after it are right, given the value that it left."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank import passes, passes_through_time
from tests.bank.case import D, N, Stepwise
from tests.bank.walk import Rule, walk

__all__ = ["STEPWISE"]


def overwritten(demb: Any) -> Any:
    dC = np.zeros((passes.VOCABULARY, demb.shape[-1]))
    dC[passes.CONTEXT] = demb
    return dC


def family(forward: Any, point: Any, rules: Any) -> Any:
    """A maker of passes that share a forward and its right steps."""

    def slip(identity: str, title: str, culprit: str, accepted: str, wrong: Rule) -> Stepwise:
        return Stepwise(
            identity,
            title,
            forward,
            point,
            steps=walk(forward, rules, **{culprit: wrong}),
            truth=walk(forward, rules),
            culprit=culprit,
            accepted=tuple(accepted.split()),
        )

    return slip


letters = family(passes.model, passes.MODEL_POINT, passes.MODEL)
layers = family(passes.three_layers, passes.THREE_LAYERS_POINT, passes.THREE_LAYERS)
attending = family(passes.attention, passes.ATTENTION_POINT, passes.ATTENTION)
normal = family(passes.layer_norm, passes.LAYER_NORM_POINT, passes.LAYER_NORM)
image = family(passes.convolution, passes.CONVOLUTION_POINT, passes.CONVOLUTION)
recurring = family(passes_through_time.recurrent, passes_through_time.RECURRENT_POINT, passes_through_time.RECURRENT)
remembering = family(passes_through_time.memory, passes_through_time.MEMORY_POINT, passes_through_time.MEMORY)
gating = family(passes_through_time.gated, passes_through_time.GATED_POINT, passes_through_time.GATED)
regressing = family(passes_through_time.process, passes_through_time.PROCESS_POINT, passes_through_time.PROCESS)
encoding = family(
    passes_through_time.autoencoder, passes_through_time.AUTOENCODER_POINT, passes_through_time.AUTOENCODER
)

STEPWISE = (
    letters(
        "Z1",
        "letters: the mean is not divided",
        "dlogprobs",
        "factor",
        lambda v, d: -passes.one_hot(passes.LABELS, passes.VOCABULARY) * 1.0,
    ),
    letters(
        "Z2", "letters: multiplied by p, not divided", "dprobs", "local-factor", lambda v, d: d.dlogprobs * v.probs
    ),
    letters(
        "Z3",
        "letters: the inverse's sum over the classes missing",
        "dcounts_sum_inv",
        "missing-sum",
        lambda v, d: v.counts * d.dprobs,
    ),
    letters(
        "Z4",
        "letters: the sign of the inverse",
        "dcounts_sum",
        "sign local-factor",
        lambda v, d: v.counts_sum**-2 * d.dcounts_sum_inv,
    ),
    letters(
        "Z5",
        "letters: the counts forget that they are summed too",
        "dcounts",
        "path-missing",
        lambda v, d: v.counts_sum_inv * d.dprobs,
    ),
    letters(
        "Z6",
        "letters: the exponential's own value forgotten",
        "dnorm_logits",
        "local-factor",
        lambda v, d: d.dcounts,
    ),
    letters(
        "Z7",
        "letters: the tanh of its input squared",
        "dhpreact",
        "wrong-tensor local-factor",
        lambda v, d: (1 - v.hpreact**2) * d.dh,
    ),
    letters(
        "Z8",
        "letters: the gain takes the difference, not the normalised value",
        "dbngain",
        "wrong-tensor",
        lambda v, d: (v.bndiff * d.dhpreact).sum(axis=0, keepdims=True),
    ),
    letters(
        "Z9",
        "letters: the exponent is not lowered",
        "dbnvar",
        "local-factor",
        lambda v, d: -0.5 * (v.bnvar + 1e-5) ** -0.5 * d.dbnvar_inv,
    ),
    letters(
        "Z10",
        "letters: N for N − 1",
        "dbndiff2",
        "factor",
        lambda v, d: 1 / N * np.ones_like(v.bndiff2) * d.dbnvar,
    ),
    letters(
        "Z11",
        "letters: the difference forgets the variance",
        "dbndiff",
        "path-missing",
        lambda v, d: v.bnvar_inv * d.dbnraw,
    ),
    letters("Z12", "letters: the input forgets the mean", "dhprebn", "path-missing", lambda v, d: d.dbndiff),
    letters("Z13", "letters: a repeated letter overwrites", "dC", "path-missing", lambda v, d: overwritten(d.demb)),
    letters(
        "Z14",
        "letters: restored in another order",
        "demb",
        "permuted transposed",
        lambda v, d: d.dembcat.reshape(N, 2, 3).transpose(0, 2, 1),
    ),
    layers(
        "Z15", "three layers: the logistic function's derivative skipped", "dz2", "local-factor", lambda v, d: d.dh2
    ),
    layers("Z16", "three layers: the mask of ReLU is missing", "dz1", "mask-missing", lambda v, d: d.dh1),
    layers(
        "Z17",
        "three layers: masked by the sign of the gradient",
        "dz1",
        "wrong-mask wrong-tensor",
        lambda v, d: d.dh1 * (d.dh1 > 0),
    ),
    layers("Z18", "three layers: a bias averaged", "db2", "averaged factor", lambda v, d: d.dz2.mean(axis=0)),
    layers(
        "Z19",
        "three layers: the next layer's value in a weight's gradient",
        "dW3",
        "wrong-tensor local-factor",
        lambda v, d: v.z2.T @ d.dlogits,
    ),
    attending(
        "Z20",
        "attention: softmax taken elementwise",
        "dM",
        "diagonal-for-full path-missing",
        lambda v, d: d.dP * v.P * (1 - v.P),
    ),
    attending("Z21", "attention: the scale forgotten", "dQ", "factor", lambda v, d: d.dS @ v.Kx),
    attending(
        "Z22",
        "attention: the scores are not transposed for the keys",
        "dKx",
        "operand-not-transposed transposed",
        lambda v, d: d.dS @ v.Q / np.sqrt(D),
    ),
    attending(
        "Z23",
        "attention: the keys' path to the input lost",
        "dX",
        "path-missing",
        lambda v, d: d.dQ @ v.Wq.T + d.dV @ v.Wv.T,
    ),
    normal(
        "Z24",
        "layer norm: summed over the rows",
        "dmu",
        "wrong-axis",
        lambda v, d: -d.dxc.sum(axis=0, keepdims=True),
    ),
    normal(
        "Z25",
        "layer norm: the cube of the inverse deviation for its square",
        "dvar",
        "local-factor",
        lambda v, d: -0.5 * v.inv**2 * d.dinv,
    ),
    normal("Z26", "layer norm: the mean not divided", "dX", "factor path-doubled", lambda v, d: d.dxc + d.dmu),
    image(
        "Z27",
        "image: the maximum shared among its window",
        "dact",
        "mask-missing averaged wrong-mask",
        lambda v, d: np.kron(d.dpool, np.ones((2, 2))) / 4,
    ),
    image(
        "Z28",
        "image: the kernel turned around",
        "dimage",
        "permuted operand-not-transposed shifted",
        lambda v, d: passes.spread_over_image(v.image, v.kernel[::-1, ::-1], d.dconv),
    ),
    recurring(
        "Z29",
        "RNN: the second state forgets the third",
        "dh2",
        "path-missing",
        lambda v, d: v.Wy @ d.dy2,
    ),
    recurring(
        "Z30",
        "RNN: the weight is not transposed in one step",
        "dh1",
        "operand-not-transposed",
        lambda v, d: v.Wy @ d.dy1 + v.Wh.T @ (d.dh2 * (1 - v.h2**2)),
    ),
    recurring(
        "Z31",
        "RNN: the last state alone in the recurrent weight",
        "dWh",
        "path-missing",
        lambda v, d: np.outer(v.h2, d.dh3 * (1 - v.h3**2)),
    ),
    remembering("Z32", "LSTM: tanh of the cell skipped", "dc2", "local-factor", lambda v, d: d.dh2 * v.o2),
    remembering(
        "Z33",
        "LSTM: the cell is not carried",
        "dc1",
        "path-missing",
        lambda v, d: d.dh1 * v.o1 * (1 - np.tanh(v.c1) ** 2),
    ),
    remembering("Z34", "LSTM: the gate for the candidate", "di2", "wrong-tensor", lambda v, d: d.dc2 * v.i2),
    gating("Z35", "GRU: n − h for h − n", "dz", "sign path-sign swapped", lambda v, d: d.dout * (v.n - v.h)),
    gating(
        "Z36",
        "GRU: the state's direct path lost",
        "dh",
        "path-missing",
        lambda v, d: d.drh * v.r + d.dxh[:, 2:],
    ),
    regressing(
        "Z37",
        "Gaussian process: the determinant's term lost",
        "dC",
        "path-missing",
        lambda v, d: -v.Cinv.T @ d.dCinv @ v.Cinv.T,
    ),
    regressing(
        "Z38",
        "Gaussian process: the sign of the inverse",
        "dC",
        "path-sign",
        lambda v, d: v.Cinv.T @ d.dCinv @ v.Cinv.T + d.dlogdet * v.Cinv.T,
    ),
    encoding("Z39", "VAE: the noise is not multiplied", "dsigma", "local-factor", lambda v, d: d.dz),
    encoding("Z40", "VAE: the prior's pull on the mean lost", "dmu", "path-missing", lambda v, d: d.dz),
)
