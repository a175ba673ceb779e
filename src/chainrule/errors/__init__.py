"""Every exception that chainrule raises, as one tree; each docstring is its manual page.

ChainruleError
├── ShapeError (ValueError)              shapes that do not fit
├── GradientError (RuntimeError)         a derivative that cannot be taken
│   ├── NotScalarError                   backward() of something that is not one number
│   ├── NotTrackedError                  nothing on the way requires grad
│   ├── FreedGraphError                  a second backward through a freed graph
│   ├── ModifiedError                    a value that backward needs was overwritten
│   ├── LeafError                        a tensor that requires grad is itself overwritten
│   ├── NotFiniteError (ArithmeticError) inside cr.debug(): the first number that is not finite
│   ├── HolomorphicError                 a complex derivative where there is none, or none was asked for
│   └── NoDerivativeError                the derivative does not exist, or no rule is known
├── DtypeError (TypeError)               integers, objects, text where real numbers are needed
├── NoRuleError (TypeError)              a NumPy function without a rule
├── OptionError (ValueError)             an option of a function that has no meaning
├── ExportError (ValueError)             a function that cannot be written as object code
├── SourceError (ValueError)             a function that cannot be written for other libraries' arrays
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

from chainrule.errors.basis import (
    ChainruleError,
    DtypeError,
    ExportError,
    LibraryMissingError,
    OptionError,
    ShapeError,
    SourceError,
    TooLargeError,
)
from chainrule.errors.checking import (
    CellTimeoutError,
    ClaimError,
    DeriveError,
    NotebookError,
    NotebookFormatError,
    NotebookMissingError,
    ReportError,
    WeakTestError,
    WrongGradientError,
)
from chainrule.errors.derivatives import (
    AssignmentError,
    FreedGraphError,
    GradientError,
    HolomorphicError,
    LeafError,
    ModifiedError,
    NoDerivativeError,
    NoRuleError,
    NotFiniteError,
    NotScalarError,
    NotTrackedError,
    RuleError,
)
from chainrule.errors.matrices import (
    ConvergenceError,
    DegreeError,
    MatrixError,
    SparsityError,
    StartError,
    StructureError,
)
from chainrule.errors.stand_in import (
    AlreadyImportedError,
    DrawDtypeError,
    DrawError,
    InitialisationError,
    MissingModuleError,
    MissingNameError,
    NoDeviceError,
    NotProvidedError,
    PromotionError,
    SeedError,
    SingularMatrixError,
    StandInError,
    StandInIndexError,
    StandInNotImplementedError,
    StandInRuntimeError,
    StandInTypeError,
    StandInValueError,
)

__all__ = [
    "AlreadyImportedError",
    "AssignmentError",
    "CellTimeoutError",
    "ChainruleError",
    "ClaimError",
    "ConvergenceError",
    "DegreeError",
    "DeriveError",
    "DrawDtypeError",
    "DrawError",
    "DtypeError",
    "ExportError",
    "FreedGraphError",
    "GradientError",
    "HolomorphicError",
    "InitialisationError",
    "LeafError",
    "LibraryMissingError",
    "MatrixError",
    "MissingModuleError",
    "MissingNameError",
    "ModifiedError",
    "NoDerivativeError",
    "NoDeviceError",
    "NoRuleError",
    "NotFiniteError",
    "NotProvidedError",
    "NotScalarError",
    "NotTrackedError",
    "NotebookError",
    "NotebookFormatError",
    "NotebookMissingError",
    "OptionError",
    "PromotionError",
    "ReportError",
    "RuleError",
    "SeedError",
    "ShapeError",
    "SingularMatrixError",
    "SourceError",
    "SparsityError",
    "StandInError",
    "StandInIndexError",
    "StandInNotImplementedError",
    "StandInRuntimeError",
    "StandInTypeError",
    "StandInValueError",
    "StartError",
    "StructureError",
    "TooLargeError",
    "WeakTestError",
    "WrongGradientError",
]  # fmt: skip

for _name in __all__:
    _error = globals()[_name]
    if _error.__module__.startswith(f"{__name__}."):  # the name that people see, and that is pickled
        _error.__module__ = __name__
