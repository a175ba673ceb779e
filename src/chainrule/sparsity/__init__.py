"""Sparse derivatives of black boxes: where entries are, few products that show them all, and the entries themselves.

Most Jacobians need none of this: chainrule derives their structure. A function that it cannot look into can be made
part of a program by ``chainrule.external``. The functions here go without tracked tensors: they take products, from
any library or by `differences`, and a pattern, which may be known, or found by `detect`.

* `color`: which products are needed, and where each entry is read from them.
* `jacobian_by_products`, `hessian_by_products`: the entries, as a SciPy sparse array.

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
