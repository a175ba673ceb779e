"""Why rows are as far from the limit as they are, as a look at the machine code, its memory or its parts has shown."""

from __future__ import annotations

_NUMBERS = "it goes from number to number in the interpreter"
_SHORT = "the interpreter takes an instruction of some nanoseconds for each short vector"
_CHAIN = f"{_SHORT}, and a product begins when the number before it is stored; by hand, a column is done at once"

REASONS = {
    "logistic": "the limit passes over X once, too",
    "convolution": "back, nine products are added up in memory; by hand the sums of a place stay in registers",
    "diagonal": "the matrix passes through memory once more, and all of the result is looked at",
    "trisolv": f"{_SHORT}; the matrix is copied in, and its gradient out",
    "durbin": _SHORT,
    "syrk": _SHORT,
    "fdtd_2d": "the way back is written out step by step, because each adds to another entry of the pulse's gradient",
    "lu": _CHAIN,
    "cholesky": _CHAIN,
    "smith_waterman": _NUMBERS,
    "mandelbrot": "whole arrays of all turns are kept (18 MB); by hand 64 points at a time stay in the cache",
    "softmax": "what goes back through the largest of a row is added up, and comes to nothing; by hand it is left out",
}
