"""Layers, activations and losses as modules: `functional` with parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.torch import initial, random
from chainrule.torch.dtypes import as_dtype, get_default_dtype
from chainrule.torch.nn import functional as F  # noqa: N812 - everyone's name for it
from chainrule.torch.nn.module import Module
from chainrule.torch.nn.parameter import Parameter
from chainrule.torch.reducing import log_softmax, softmax
from chainrule.torch.shaping import flatten, unflatten
from chainrule.torch.tensors import Tensor


def numpy_dtype(dtype: Any) -> Any:
    """The NumPy dtype of a layer's parameters."""
    return (get_default_dtype() if dtype is None else as_dtype(dtype)).numpy


def parameter(array: Any) -> Parameter:
    """A parameter with these first values."""
    return Parameter(Tensor(array, None))


class Linear(Module):
    """``x @ weight.T + bias``; the weight has shape (out_features, in_features)."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        weight, first = initial.linear(in_features, out_features, bias, numpy_dtype(dtype))
        self.weight = parameter(weight)
        if first is None:
            self.register_parameter("bias", None)
        else:
            self.bias = parameter(first)

    def reset_parameters(self) -> None:
        """Draw first values anew."""
        weight, first = initial.linear(
            self.in_features, self.out_features, self.bias is not None, self.weight.value.dtype
        )
        self.weight.value[...] = weight
        if first is not None:
            self.bias.value[...] = first

    def forward(self, input: Any) -> Any:
        """``input @ weight.T + bias``."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Its sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """A table of vectors, looked up by number."""

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, **options: Any) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        weight = random.normal((num_embeddings, embedding_dim), dtype=numpy_dtype(options.get("dtype")))
        if padding_idx is not None:
            weight[padding_idx] = 0
        self.weight = parameter(weight)

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True) -> Any:
        """A table with these rows."""
        made = cls(*embeddings.value.shape)
        made.weight = Parameter(embeddings, requires_grad=not freeze)
        return made

    def forward(self, input: Any) -> Any:
        """The rows at these positions."""
        return F.embedding(input, self.weight)

    def extra_repr(self) -> str:
        """Its sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class LayerNorm(Module):
    """Each item with mean 0 and variance 1 over its last dimensions, scaled and shifted."""

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        kind = numpy_dtype(None)
        self.weight = parameter(np.ones(shape, kind)) if elementwise_affine else None
        self.bias = parameter(np.zeros(shape, kind)) if elementwise_affine and bias else None

    def forward(self, input: Any) -> Any:
        """Normalised."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Its sizes."""
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class BatchNorm1d(Module):
    """Each channel with mean 0 and variance 1 over the batch, scaled and shifted."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        kind = numpy_dtype(None)
        self.weight = parameter(np.ones(num_features, kind)) if affine else None
        self.bias = parameter(np.zeros(num_features, kind)) if affine else None
        self.register_buffer(
            "running_mean", Tensor(np.zeros(num_features, kind), None) if track_running_stats else None
        )
        self.register_buffer("running_var", Tensor(np.ones(num_features, kind), None) if track_running_stats else None)
        counter = Tensor(np.zeros((), np.int64), None) if track_running_stats else None
        self.register_buffer("num_batches_tracked", counter)

    def forward(self, input: Any) -> Any:
        """Normalised."""
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.value += 1
        training = self.training or self.running_mean is None
        return F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training, self.momentum, self.eps
        )

    def extra_repr(self) -> str:
        """Its sizes."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, bias={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm2d(BatchNorm1d):
    """`BatchNorm1d` for images."""


class Dropout(Module):
    """Elements set to 0 at random while training."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            F.dropout(Tensor([0.0]), p)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        """Some elements 0, the others scaled up."""
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Its probability."""
        return f"p={self.p}, inplace={self.inplace}"


class Flatten(Module):
    """Dimensions as one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Any:
        """The dimensions from ``start_dim`` to ``end_dim`` as one."""
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Its dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """A dimension as several."""

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Any) -> Any:
        """The dimension in these sizes."""
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Its sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """Its argument."""

    def forward(self, input: Any) -> Any:
        """Its argument."""
        return input


class Bilinear(Module):
    """``x1 @ weight[k] @ x2 + bias[k]``."""

    def __init__(self, in1_features: int, in2_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / in1_features**0.5
        kind = numpy_dtype(None)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = parameter(random.uniform((out_features, in1_features, in2_features), -bound, bound, kind))
        self.bias = parameter(random.uniform((out_features,), -bound, bound, kind)) if bias else None

    def forward(self, input1: Any, input2: Any) -> Any:
        """The products."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Its sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


# --- modules that are a function with options ---


def module_of(
    name: str,
    function: Callable[..., Any],
    options: dict[str, Any],
    shown: Callable[[Any], str] = lambda module: "",
    words: str = "",
) -> Any:
    """A module class for a function; its constructor takes the options."""

    def start(self: Any, *arguments: Any, **given: Any) -> None:
        Module.__init__(self)
        for option, default in options.items():
            setattr(self, option, default)
        for option, value in zip(options, arguments, strict=False):
            setattr(self, option, value)
        for option, value in given.items():
            if option not in options and option not in ("size_average", "reduce"):
                raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{option}'")
            setattr(self, option, value)

    def forward(self: Any, *arguments: Any) -> Any:
        return function(*arguments, **{option: getattr(self, option) for option in options if option not in _SETTINGS})

    return type(
        name,
        (Module,),
        {
            "__doc__": words or f"{(function.__doc__ or '').strip()} As a module.",
            "__init__": start,
            "__module__": "torch.nn.modules",
            "extra_repr": shown,
            "forward": forward,
        },
    )


_SETTINGS = ("size_average", "reduce")


def _inplace(module: Any) -> str:
    return "inplace=True" if module.inplace else ""


def _with_inplace(text: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda module: text(module) + (", inplace=True" if module.inplace else "")


ReLU = module_of("ReLU", F.relu, {"inplace": False}, _inplace)
ReLU6 = module_of("ReLU6", F.relu6, {"inplace": False}, _inplace)
SELU = module_of("SELU", F.selu, {"inplace": False}, _inplace)
SiLU = module_of("SiLU", F.silu, {"inplace": False}, _inplace)
Mish = module_of("Mish", F.mish, {"inplace": False}, _inplace)
Hardsigmoid = module_of("Hardsigmoid", F.hardsigmoid, {"inplace": False}, _inplace)
LeakyReLU = module_of(
    "LeakyReLU",
    F.leaky_relu,
    {"negative_slope": 0.01, "inplace": False},
    _with_inplace(lambda module: f"negative_slope={module.negative_slope}"),
)
ELU = module_of("ELU", F.elu, {"alpha": 1.0, "inplace": False}, _with_inplace(lambda module: f"alpha={module.alpha}"))
CELU = module_of(
    "CELU", F.celu, {"alpha": 1.0, "inplace": False}, _with_inplace(lambda module: f"alpha={module.alpha}")
)
Hardtanh = module_of(
    "Hardtanh",
    F.hardtanh,
    {"min_val": -1.0, "max_val": 1.0, "inplace": False},
    _with_inplace(lambda module: f"min_val={module.min_val}, max_val={module.max_val}"),
)
Threshold = module_of(
    "Threshold",
    F.threshold,
    {"threshold": 0.0, "value": 0.0, "inplace": False},
    _with_inplace(lambda module: f"threshold={module.threshold}, value={module.value}"),
)
GELU = module_of("GELU", F.gelu, {"approximate": "none"}, lambda module: f"approximate={module.approximate!r}")
Softplus = module_of(
    "Softplus",
    F.softplus,
    {"beta": 1.0, "threshold": 20.0},
    lambda module: f"beta={module.beta}, threshold={module.threshold}",
)
GLU = module_of("GLU", F.glu, {"dim": -1}, lambda module: f"dim={module.dim}")
Sigmoid = module_of("Sigmoid", F.sigmoid, {})
Tanh = module_of("Tanh", F.tanh, {})
Softsign = module_of("Softsign", F.softsign, {})
Tanhshrink = module_of("Tanhshrink", F.tanhshrink, {})
LogSigmoid = module_of("LogSigmoid", F.logsigmoid, {})
Softmax = module_of("Softmax", softmax, {"dim": None}, lambda module: f"dim={module.dim}")
Softmin = module_of("Softmin", F.softmin, {"dim": None}, lambda module: f"dim={module.dim}")
LogSoftmax = module_of("LogSoftmax", log_softmax, {"dim": None}, lambda module: f"dim={module.dim}")
CosineSimilarity = module_of("CosineSimilarity", F.cosine_similarity, {"dim": 1, "eps": 1e-8})
PairwiseDistance = module_of("PairwiseDistance", F.pairwise_distance, {"p": 2.0, "eps": 1e-6, "keepdim": False})


def loss_of(name: str, function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """A module class for a loss; PyTorch's two old settings may stand among the options."""
    return module_of(name, function, options)


_OLD = {"size_average": None, "reduce": None}
MSELoss = loss_of("MSELoss", F.mse_loss, {**_OLD, "reduction": "mean"})
L1Loss = loss_of("L1Loss", F.l1_loss, {**_OLD, "reduction": "mean"})
SmoothL1Loss = loss_of("SmoothL1Loss", F.smooth_l1_loss, {**_OLD, "reduction": "mean", "beta": 1.0})
HuberLoss = loss_of("HuberLoss", F.huber_loss, {"reduction": "mean", "delta": 1.0})
BCELoss = loss_of("BCELoss", F.binary_cross_entropy, {"weight": None, **_OLD, "reduction": "mean"})
BCEWithLogitsLoss = loss_of(
    "BCEWithLogitsLoss",
    F.binary_cross_entropy_with_logits,
    {"weight": None, **_OLD, "reduction": "mean", "pos_weight": None},
)
NLLLoss = loss_of(
    "NLLLoss",
    F.nll_loss,
    {"weight": None, "size_average": None, "ignore_index": -100, "reduce": None, "reduction": "mean"},
)
CrossEntropyLoss = loss_of(
    "CrossEntropyLoss",
    F.cross_entropy,
    {
        "weight": None,
        "size_average": None,
        "ignore_index": -100,
        "reduce": None,
        "reduction": "mean",
        "label_smoothing": 0.0,
    },
)
KLDivLoss = loss_of("KLDivLoss", F.kl_div, {**_OLD, "reduction": "mean", "log_target": False})
MarginRankingLoss = loss_of("MarginRankingLoss", F.margin_ranking_loss, {"margin": 0.0, **_OLD, "reduction": "mean"})
HingeEmbeddingLoss = loss_of("HingeEmbeddingLoss", F.hinge_embedding_loss, {"margin": 1.0, "reduction": "mean"})

MODULES: dict[str, Any] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type) and issubclass(value, Module) and value is not Module
}
