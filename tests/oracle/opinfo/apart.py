"""Entries that are not compared, and the known differences, each with its reason."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["EXPLAINED", "LEFT_OUT", "Explanation", "reason_for"]

LEFT_OUT = {
    "draws random numbers": """
        cauchy exponential geometric log_normal normal/in_place uniform randn randn_like rand_like randint randint_like
        multinomial normal normal/number_mean bernoulli nn.functional.rrelu nn.functional.dropout
        native_dropout_backward nn.functional.dropout2d nn.functional.dropout3d nn.functional.alpha_dropout
        nn.functional.feature_alpha_dropout/with_train nn.functional.feature_alpha_dropout/without_train
        nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d svd_lowrank pca_lowrank""",
    "holds numbers that nobody has set": "empty_like new_empty new_empty_strided empty_strided empty empty_permuted",
    "has no samples of double precision": """
        broadcast_shapes bitwise_not bitwise_left_shift bitwise_right_shift bitwise_and bitwise_or bitwise_xor lcm gcd
        __rand__ __ror__ __rxor__ unravel_index bincount triu_indices tril_indices nn.functional.one_hot
        nn.functional.batch_norm/without_cudnn torch._scaled_mm torch._scaled_mm_v2
        torch.ops.aten._flash_attention_forward torch.ops.aten._efficient_attention_forward""",
    "is about storage, devices or other precisions": """
        as_strided/partial_views to bfloat16 bool byte char float half int long short cfloat chalf resize_ resize_as_
        to_sparse scalar_tensor bmm/triton_optimized jiterator_unary jiterator_binary
        jiterator_4inputs_with_extra_args jiterator_binary_return_by_ref jiterator_2inputs_2outputs""",
    "is an inner form of entries that are compared": """
        native_group_norm native_batch_norm _native_batch_norm_legit _batch_norm_with_update nn.functional.silu/complex
        max_pool2d_with_indices_backward narrow_copy _unsafe_masked_index _unsafe_masked_index_put_accumulate
        _chunk_cat linspace/tensor_overload logspace/tensor_overload nn.functional.linear_cross_entropy
        nn.functional.linear_cross_entropy/chunked nn.functional.linear_cross_entropy/chunked_none nonzero_static""",
    "takes or makes what LAPACK keeps for itself": """
        geqrf ormqr linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve""",
    "has no function in NumPy, and takes more than a few lines of it": """
        istft sparse.sampled_addmm sparse.mm/reduce nn.functional.interpolate/nearest
        nn.functional.interpolate/nearest-exact nn.functional.interpolate/linear nn.functional.interpolate/bilinear
        nn.functional.interpolate/bicubic nn.functional.interpolate/trilinear nn.functional.interpolate/area
        nn.functional.upsample_bilinear _upsample_bilinear2d_aa nn.functional.upsample_nearest
        nn.functional.multilabel_margin_loss nn.functional.max_unpool1d nn.functional.max_unpool1d/grad
        nn.functional.max_unpool2d nn.functional.max_unpool2d/grad nn.functional.max_unpool3d
        nn.functional.max_unpool3d/grad mode unique_consecutive nn.functional.embedding_bag
        nn.functional.multi_head_attention_forward nn.functional.grid_sample grid_sampler_2d grid_sampler_3d
        hash_tensor nn.functional.ctc_loss _segment_reduce/lengths _segment_reduce/offsets histogramdd
        signal.windows.exponential special.chebyshev_polynomial_v special.chebyshev_polynomial_w
        special.shifted_chebyshev_polynomial_v special.shifted_chebyshev_polynomial_w masked.argmax masked.argmin
        masked.median""",
    "is given a function of PyTorch's": "nn.functional.triplet_margin_with_distance_loss",
}


class Explanation(NamedTuple):
    """Where results differ: in which entries (a pattern of the whole name), in which parts, how it shows, and why."""

    entries: str
    parts: str
    shows: str
    reason: str


ALL = "value|gradient|forward|second order"
EXPLAINED = (
    Explanation(
        r"linalg\.norm/subgradients_at_zero",
        "second order",
        r"for \(?nan|singular value 0 occurs twice",
        "second derivative of a norm of zeros: PyTorch has NaN",
    ),
    Explanation(
        r"masked\.logaddexp", "second order", "0.0 for nan", "numbers that the mask leaves out: PyTorch has NaN"
    ),
    Explanation(
        r"special\.bessel_[jy][01]",
        "value",
        "for",
        "PyTorch's values are those of single precision (mpmath agrees with us)",
    ),
    Explanation(
        "logaddexp|logcumsumexp",
        "value",
        r"[+-].*j\) for",
        "NumPy has no complex one; log(exp + exp) differs from PyTorch's by 2πi, the branch of the logarithm",
    ),
    Explanation(
        "logcumsumexp|cholesky_inverse", "forward", "for", "PyTorch's forward mode is off; differences agree with us"
    ),
    Explanation(
        "as_strided_scatter", "gradient", "for", "PyTorch's gradient goes to numbers that were overwritten as well"
    ),
    Explanation(
        r"nn\.functional\.scaled_dot_product_attention", ALL, "for", "a sample with dropout draws random numbers"
    ),
)


def reason_for(entry: str, part: str, fault: str) -> str:
    """Why a result differs, if that is known."""
    for each in EXPLAINED:
        if re.fullmatch(each.entries, entry) and re.fullmatch(each.parts, part) and re.search(each.shows, fault):
            return each.reason
    return ""
