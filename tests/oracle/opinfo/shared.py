"""NumPy's and SciPy's functions for PyTorch's: each takes PyTorch's arguments, with arrays for tensors."""

from __future__ import annotations

from tests.oracle.opinfo.elementwise import ELEMENTWISE
from tests.oracle.opinfo.matrices import COMPARED, MATRICES, PRODUCTS
from tests.oracle.opinfo.networks import NETWORKS
from tests.oracle.opinfo.reductions import REDUCTIONS
from tests.oracle.opinfo.shapes import SHAPES
from tests.oracle.opinfo.spectra import FOURIER, MADE
from tests.oracle.opinfo.windows import WINDOWS

__all__ = ["COMPARED", "SHARED"]

SHARED = {**ELEMENTWISE, **REDUCTIONS, **SHAPES, **PRODUCTS, **MATRICES, **FOURIER, **MADE, **NETWORKS, **WINDOWS}
