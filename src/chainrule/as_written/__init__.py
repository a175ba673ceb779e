"""Code as it stands: while it runs, NumPy's ways of making arrays make tensors, which can hold tracked numbers."""

from chainrule.as_written.scope import Functions, as_written, instead_of, is_as_written, tried

__all__ = ["Functions", "as_written", "instead_of", "is_as_written", "tried"]
