"""Every exception that chainrule raises, as one tree; each docstring is its manual page.

ChainruleError
├── ShapeError (ValueError)              shapes that do not fit
├── GradientError (RuntimeError)         a derivative that cannot be taken
│   ├── NotScalarError                   backward() of something that is not one number
│   ├── NotTrackedError                  nothing on the way requires grad
│   ├── FreedGraphError                  a second backward through a freed graph
│   ├── ModifiedError                    a value that backward needs was overwritten
│   └── NoDerivativeError                the derivative does not exist, or no rule is known
├── DtypeError (TypeError)               integers, objects, text where real numbers are needed
├── NoRuleError (TypeError)              a NumPy function without a rule
├── OptionError (ValueError)             an option of a function that has no meaning
├── ExportError (ValueError)             a function that cannot be written as object code
├── DrawError (RuntimeError)             random numbers that cannot be drawn
│   └── DrawDtypeError (NotImplementedError)   … of that type
├── SeedError (ValueError)               a seed or a generator's state that is none
├── InitialisationError (ValueError)     first weights that cannot be chosen
├── PromotionError (RuntimeError)        two number types without a common one
├── NotProvidedError (AttributeError)    a name of PyTorch's that chainrule.torch does not have
├── StandInError                     PyTorch's own errors, in its words, from chainrule.torch
│   ├── StandInRuntimeError (RuntimeError)
│   │   └── SingularMatrixError      a matrix without an inverse
│   ├── StandInTypeError (TypeError)
│   ├── StandInValueError (ValueError)
│   ├── StandInIndexError (IndexError)
│   ├── StandInNotImplementedError (NotImplementedError)
│   └── NoDeviceError (AssertionError)   a graphics card
├── RuleError (ValueError)               a user's rule that cannot be read or does not fit
├── SparsityError (ValueError)           a sparsity that cannot be read, or that the map does not have
├── MatrixError (numpy.linalg.LinAlgError)  a matrix without inverse, Cholesky factor, …
│   └── ConvergenceError                 an iteration for J x = b that does not end
├── StructureError (ValueError)          a Jacobian that does not have the structure that was asked for
├── TooLargeError (MemoryError)          a dense array that nobody asked for and that is large
├── AssignmentError (TypeError)          a tracked value put into a plain NumPy array
├── NotebookError                        a notebook that cannot be read or run
│   ├── NotebookMissingError (FileNotFoundError)    there is no such file
│   ├── NotebookFormatError (ValueError)            it is not a notebook of Python cells
│   └── CellTimeoutError (TimeoutError)             a cell that does not end
├── AlreadyImportedError (ImportError)   the real PyTorch is there before the stand-in
├── MissingNameError (ImportError)       a name to be imported that the stand-in does not have
├── MissingModuleError (ModuleNotFoundError)  a submodule that the stand-in does not have
├── LibraryMissingError (ImportError)    a library that was asked for is not installed
├── StartError (ValueError)              a starting point from which a solver cannot go on
├── ReportError (OSError)                a report that cannot be written
├── ClaimError (ValueError)              a claimed gradient that belongs to nothing, or is no array of numbers
├── WrongGradientError (AssertionError)  a claimed gradient that is wrong
├── WeakTestError (AssertionError)       a test of a gradient that would not notice a mistake
├── DeriveError (ValueError)             a function that `chainrule derive` does not find, or cannot derive
└── DegreeError (ValueError)             a function that is not linear or not quadratic, as a solver needs it
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "AlreadyImportedError", "AssignmentError", "CellTimeoutError", "ChainruleError", "ClaimError", "ConvergenceError",
    "DegreeError", "DeriveError", "DrawDtypeError", "DrawError", "DtypeError", "ExportError", "FreedGraphError",
    "GradientError", "InitialisationError", "LibraryMissingError", "MatrixError", "MissingModuleError",
    "MissingNameError", "ModifiedError", "NoDerivativeError", "NoDeviceError", "NoRuleError", "NotProvidedError",
    "NotScalarError", "NotTrackedError", "NotebookError", "NotebookFormatError", "NotebookMissingError", "OptionError",
    "PromotionError", "ReportError", "RuleError", "SeedError", "ShapeError", "SingularMatrixError", "SparsityError",
    "StandInError", "StandInIndexError", "StandInNotImplementedError", "StandInRuntimeError", "StandInTypeError",
    "StandInValueError", "StartError", "StructureError", "TooLargeError", "WeakTestError", "WrongGradientError",
]  # fmt: skip


class ChainruleError(Exception):
    """Anything that chainrule has to say about what it was given."""


class ShapeError(ChainruleError, ValueError):
    """Shapes that do not fit.

    Wrong: ``np.ones((2, 3)) @ cr.tensor(np.ones((4, 2)))``: axis 1 of the first has 3, axis 0 of the second has 4.
    Right: give arrays whose named axes agree, or transpose one of them.
    """


class GradientError(ChainruleError, RuntimeError):
    """A derivative that cannot be taken as asked."""


class NotScalarError(GradientError):
    """``backward()`` of an array: there is no single gradient of several numbers.

    Wrong: ``(x ** 2).backward()`` for a vector ``x``.
    Right: ``(x ** 2).sum().backward()``, or give the cotangent ``(x ** 2).backward(v)`` which computes vᵀJ, or ask
    for the Jacobian itself: ``cr.jacobian(f)(x)``.
    """


class NotTrackedError(GradientError):
    """The result does not depend on anything that requires grad, so there is nothing to differentiate.

    Wrong: ``cr.tensor([1.0, 2.0]).sum().backward()``.
    Right: ``cr.tensor([1.0, 2.0], requires_grad=True).sum().backward()``.
    """


class FreedGraphError(GradientError):
    """A second ``backward()`` through a graph whose kept values were freed by the first.

    Right: ``y.backward(retain_graph=True)`` the first time, or compute ``y`` again.
    """


class ModifiedError(GradientError):
    """A value that the derivative needs was overwritten in place after it was used.

    Wrong: ``y = np.exp(x); y += 1; y.sum().backward()``: the derivative of exp is its old result.
    Right: ``y = y + 1``, or write to a copy.

    ``value`` is the value as it is now, ``whose`` the name of the step that made or last overwrote it (if known), and
    ``writes`` counts how often it was overwritten.
    """

    value: object = None
    whose: str = ""
    writes: int = 1


class NoDerivativeError(GradientError):
    """The derivative does not exist there, or the operation has none."""


class DtypeError(ChainruleError, TypeError):
    """Numbers of a kind that has no derivative: integers, booleans, text, objects.

    Wrong: ``cr.tensor([1, 2], requires_grad=True)``.
    Right: ``cr.tensor([1.0, 2.0], requires_grad=True)``.
    """


class NoRuleError(ChainruleError, TypeError):
    """A NumPy function was called on a tracked tensor and chainrule has no rule for it.

    Right: write it with functions that have rules, or give it one: ``cr.define``.
    """


class AssignmentError(ChainruleError, TypeError):
    """A tracked value was put into a plain NumPy array, which would forget where it came from.

    Wrong: ``out = np.zeros(3); out[0] = x[0] * 2``.
    Right: ``out = cr.zeros(3)``, or ``np.stack([...])``.
    """


class RuleError(ChainruleError, ValueError):
    """A local Jacobian given to ``cr.define`` that cannot be read, or does not fit the shapes.

    Wrong: ``cr.define(lambda a, b: a @ b, "ik, ij <- b:kj", …)``: b has shape (j, k).
    Right: name the axes in the order in which the array has them, ``b:jk``.
    """


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


class OptionError(ChainruleError, ValueError):
    """An option that has no meaning, or does not go with the other arguments.

    Wrong: ``np.quantile(x, 50)``.
    Right: ``np.quantile(x, 0.5)``, or ``np.percentile(x, 50)``.
    """


class ExportError(ChainruleError, ValueError):
    """A function that cannot be object code, such as ``lambda x: x if x[0] > 0 else -x``; with ``np.where`` it can."""


class NotebookError(ChainruleError):
    """A notebook that cannot be read or run."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class NotebookMissingError(NotebookError, FileNotFoundError):
    """There is no such file, or it is not a file on this machine.

    Wrong: ``chainrule check https://example.org/gradients.ipynb``.
    Right: save it first: ``chainrule check gradients.ipynb``.
    """


class NotebookFormatError(NotebookError, ValueError):
    """The file is there, but it is not a notebook of Python cells: broken JSON, another kind of file, no code."""


class CellTimeoutError(NotebookError, TimeoutError):
    """A cell did not end in the time that it was given.

    Right: ``chainrule check NOTEBOOK --timeout 3600``, if it only takes long.
    """


class LibraryMissingError(ChainruleError, ImportError):
    """A library was asked for by name and is not installed.

    Wrong: ``chainrule check NOTEBOOK --torch=torch`` where PyTorch is not installed.
    Right: ``pip install torch``, or leave the option out: chainrule then stands in for PyTorch.
    """


class MatrixError(ChainruleError, np.linalg.LinAlgError):
    """A matrix that does not have what was asked for: an inverse, a Cholesky factor, a converged decomposition.

    Wrong: ``np.linalg.inv(cr.tensor([[1.0, 2.0], [2.0, 4.0]]))``: the second row is twice the first.
    Right: ``np.linalg.pinv``, or a matrix with a small multiple of the identity added.
    """


class SparsityError(ChainruleError, ValueError):
    """A sparsity that cannot be read, does not fit the shapes, or leaves out entries that the map has.

    Wrong: ``cr.external(step, jvp=…, sparsity="diagonal")`` for a function whose outputs depend on their neighbours.
    Right: ``sparsity=("banded", 1, 1)``; a place too many costs a little, a place too few would give wrong numbers.
    """


class StartError(ChainruleError, ValueError):
    """A function that is infinite or not a number where a solver is to start.

    Wrong: ``chainrule.interop.scipy.objective(lambda x: np.sum(np.log(x)), np.zeros(3))``.
    Right: ``… , np.ones(3))``.
    """


class DegreeError(ChainruleError, ValueError):
    """A function that is not linear, or not quadratic, given to a solver that takes no other.

    Wrong: ``chainrule.interop.scipy.linear(lambda x: x**2, np.ones(3))``.
    Right: ``chainrule.interop.scipy.residual(lambda x: x**2, np.ones(3))``.
    """


class ConvergenceError(MatrixError):
    """An iterative solution of J x = b that did not come near enough in its number of steps.

    Wrong: ``J.solve(b)`` of a large, badly conditioned map that is known by its products only.
    Right: a preconditioned method of ``scipy.sparse.linalg`` on ``J.operator()``, or ``np.linalg.solve`` on the dense
    array.
    """


class StructureError(ChainruleError, ValueError):
    """A Jacobian that does not have the structure that was asked for.

    Wrong: ``cr.jacobian(np.cumsum)(x).banded()``: its entries fill a triangle.
    Right: look at ``J.structure``, and ask for ``J.sparse()`` or ``J.dense()``.
    """


class TooLargeError(ChainruleError, MemoryError):
    """What was asked for would need a large dense array that was not asked for by name.

    Wrong: ``J.solve(b)`` of a map with 100,000 rows and no structure that can be used.
    Right: ``J.solve(b, iterative=True)``, or ``np.linalg.solve`` on ``J.dense()`` if the memory is there.
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


class ReportError(ChainruleError, OSError):
    """A report that cannot be written where it was asked for.

    Right: a file in a folder that is there, and that you may write to.
    """


class DeriveError(ChainruleError, ValueError):
    """A function that `chainrule derive` does not find, whose arguments have no values, or whose file fails.

    Wrong: ``chainrule derive losses.py:mse``, where ``mse(prediction, target)`` has no defaults.
    Right: ``… --at "prediction=np.zeros(3)" --at "target=np.ones(3)"``, or a variable ``example`` in the file.
    """


class ClaimError(ChainruleError, ValueError):
    """A claimed gradient that belongs to no argument, too many or too few of them, or no array of numbers.

    Wrong: ``check(loss, {"w1": dW1}, X, W1)``, where the argument is called ``W1``.
    Right: ``check(loss, {"W1": dW1}, X, W1)``; ``dW1`` and ``dL_dW1`` stand for it too.
    """


class WrongGradientError(ChainruleError, AssertionError):
    """A claimed gradient is wrong; the message is the report. Wrong: ``x`` for ∂x²/∂x. Right: ``2 * x``."""


class WeakTestError(ChainruleError, AssertionError):
    """A gradient passed a test that would not notice many mistakes. Right: random numbers, at sizes that differ."""
