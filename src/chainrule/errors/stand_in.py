"""What `chainrule.torch` says, where it takes PyTorch's place, in PyTorch's words."""

from __future__ import annotations

from chainrule.errors.basis import ChainruleError, DtypeError

__all__ = [
    "AlreadyImportedError",
    "DrawDtypeError",
    "DrawError",
    "InitialisationError",
    "MissingModuleError",
    "MissingNameError",
    "NoDeviceError",
    "NotProvidedError",
    "PromotionError",
    "SeedError",
    "SingularMatrixError",
    "StandInError",
    "StandInIndexError",
    "StandInNotImplementedError",
    "StandInRuntimeError",
    "StandInTypeError",
    "StandInValueError",
]


class DrawError(ChainruleError, RuntimeError):
    """Random numbers that cannot be drawn as asked.

    Wrong: ``torch.randint(5, 5, (2,))``: there is no whole number from 5 up to but not including 5.
    Right: ``torch.randint(5, 6, (2,))``.
    """


class DrawDtypeError(DrawError, NotImplementedError):
    """Random numbers of a type that the distribution does not have.

    Wrong: ``torch.randn(3, dtype=torch.int64)``.
    Right: ``torch.randn(3)``, or ``torch.randint(0, 10, (3,))`` for whole numbers.
    """


class SeedError(ChainruleError, ValueError):
    """A seed outside [-2**63, 2**64).

    Wrong: ``torch.manual_seed(2**64)``.
    Right: ``torch.manual_seed(0)``.
    """


class InitialisationError(ChainruleError, ValueError):
    """First values of a layer's weights that cannot be chosen as asked.

    Wrong: ``nn.init.xavier_uniform_(torch.empty(3))``: one axis tells neither the number of inputs nor of outputs.
    Right: ``nn.init.xavier_uniform_(torch.empty(3, 4))``.
    """


class PromotionError(ChainruleError, RuntimeError):
    """Two number types that PyTorch does not combine.

    Wrong: ``torch.promote_types(torch.uint16, torch.int32)``.
    Right: convert one of the two first.
    """


class NotProvidedError(ChainruleError, AttributeError):
    """A name that PyTorch has and ``chainrule.torch`` has not.

    Wrong: ``torch.bfloat16``.
    Right: ``torch.float32``; or install PyTorch and run with it.
    """


class AlreadyImportedError(ChainruleError, ImportError):
    """``chainrule.torch.install()`` came too late: PyTorch itself has been imported.

    Wrong: ``import torch; chainrule.torch.install()``.
    Right: ``install()`` first, in a fresh process; or ``install(force=True)``.
    """


class MissingModuleError(ChainruleError, ModuleNotFoundError):
    """A submodule of PyTorch's that ``chainrule.torch`` does not have.

    Wrong: ``import torch.fft``.
    Right: NumPy's functions on a tensor of chainrule's own; or install PyTorch and run with it.
    """


class MissingNameError(ChainruleError, ImportError):
    """A name that ``from torch... import`` asks for and ``chainrule.torch`` does not have.

    Wrong: ``from torch.nn import Transformer``.
    Right: ``from torch.nn import Linear``; or install PyTorch and run with it.
    """


class StandInError(ChainruleError):
    """What PyTorch would raise: its type as a traceback shows it, and its first line; more lines say what to do.

    A program written for PyTorch sees the name that it knows, ``RuntimeError``, and so does who reads the traceback.
    """


class StandInRuntimeError(StandInError, RuntimeError):
    """PyTorch's RuntimeError: mostly shapes or dtypes that do not fit, or a derivative that cannot be taken.

    Wrong: ``torch.ones(2, 3) @ torch.ones(4, 2)``.
    Right: ``torch.ones(2, 3) @ torch.ones(3, 2)``.
    """


class StandInTypeError(StandInError, DtypeError):
    """PyTorch's TypeError: an argument of a kind that the function does not take.

    Wrong: ``torch.exp(2)``.
    Right: ``torch.exp(torch.tensor(2.0))``.
    """


class StandInValueError(StandInError, ValueError):
    """PyTorch's ValueError: an argument of the right kind with a value that cannot be used.

    Wrong: ``torch.tensor([[1.0, 2.0], [3.0]])``.
    Right: rows of one length.
    """


class StandInIndexError(StandInError, IndexError):
    """PyTorch's IndexError: a position or a dimension that is not there.

    Wrong: ``torch.ones(3).sum(dim=1)``.
    Right: ``torch.ones(3).sum(dim=0)``.
    """


class StandInNotImplementedError(StandInError, NotImplementedError):
    """PyTorch's NotImplementedError: an operation that is not there for numbers of this dtype.

    Wrong: ``torch.ones(3) & 1``.
    Right: ``torch.ones(3).long() & 1``.
    """


class NoDeviceError(StandInError, AssertionError):
    """A graphics card was asked for: chainrule computes on the processor.

    Wrong: ``x.cuda()``.
    Right: ``x.to("cuda" if torch.cuda.is_available() else "cpu")``.
    """


class SingularMatrixError(StandInRuntimeError):
    """A matrix without an inverse.

    Wrong: ``torch.linalg.inv(torch.zeros(2, 2))``.
    Right: a matrix whose determinant is not 0; or ``torch.linalg.pinv``.
    """


for _error, _name in (
    (StandInRuntimeError, "RuntimeError"),
    (StandInTypeError, "TypeError"),
    (StandInValueError, "ValueError"),
    (StandInIndexError, "IndexError"),
    (StandInNotImplementedError, "NotImplementedError"),
    (NoDeviceError, "AssertionError"),
    (NotProvidedError, "AttributeError"),
    (MissingModuleError, "ModuleNotFoundError"),
    (MissingNameError, "ImportError"),
    (DrawError, "RuntimeError"),
    (DrawDtypeError, "NotImplementedError"),
    (SeedError, "ValueError"),
    (PromotionError, "RuntimeError"),
    (InitialisationError, "ValueError"),
):
    # The name that a traceback and `type(error).__name__` show.
    _error.__name__ = _error.__qualname__ = _name
    _error.__module__ = "builtins"
SingularMatrixError.__name__ = SingularMatrixError.__qualname__ = "_LinAlgError"
SingularMatrixError.__module__ = "torch._C"
