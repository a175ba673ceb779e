"""Sparse derivatives of black boxes: where entries are, few products that show them all, and the entries themselves.

The functions here need no tracked tensors: they take products (from any library, or differences) and a pattern.

>>> import numpy as np
>>> from scipy.sparse import diags_array
>>> A = diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(1000, 1000)).tocsr()
>>> coloring = color(A)
>>> coloring
<3 products (3 with the map) for <2998 of 1000000 places of a 1000 × 1000 map>>
>>> J = jacobian_by_products(lambda v: A @ v, coloring)
>>> bool(abs(J - A).max() == 0)
True
"""

from __future__ import annotations

from chainrule.linear.compression import Compression
from chainrule.sparsity.detect import Detection, detect
from chainrule.sparsity.products import color, differences, hessian_by_products, jacobian_by_products

__all__ = ["Compression", "Detection", "color", "detect", "differences", "hessian_by_products", "jacobian_by_products"]
