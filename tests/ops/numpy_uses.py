"""One use of each of NumPy's functions that takes arrays of numbers, and why the other names need none.

``x`` is a matrix of three rows; what an expression gives is compared with differences, and its kind goes into
docs/numpy_functions.md. A name that NumPy has and that is not here fails a test.
"""

from __future__ import annotations

__all__ = ["METHODS", "OTHERS", "USES"]

ONE_ARGUMENT = """
abs absolute acos:x/9 acosh:x+1 angle arccos:x/9 arccosh:x+1 arcsin:x/9 arcsinh arctan arctanh:x/9 asin:x/9 asinh atan
atanh:x/9 cbrt ceil conj conjugate cos cosh deg2rad degrees exp exp2 expm1 fabs fix floor i0 isfinite isinf isnan
log log10 log1p log2 logical_not negative positive rad2deg radians reciprocal rint sign signbit sin sinc sinh spacing
sqrt square tan tanh trunc
argmax argmin argsort argwhere around average count_nonzero cumprod cumsum diff ediff1d flatnonzero flip fliplr
flipud gradient imag iscomplex iscomplexobj isneginf isposinf isreal isrealobj matrix_transpose max mean median min
nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar ndim
nonzero prod ptp ravel real real_if_close rot90 shape size sort squeeze std sum trace transpose trapezoid tril triu
unwrap var all any amax amin array2string array_repr array_str copy diagonal diag diagflat atleast_1d atleast_2d
atleast_3d zeros_like ones_like min_scalar_type common_type unique unique_counts unique_all unique_inverse
unique_values trim_zeros:x[0] cumulative_sum:x[0] cumulative_prod:x[0] unstack:x cov corrcoef poly:x[0] sort_complex
lexsort:x diag_indices_from tril_indices_from triu_indices_from vander:x[0] roots:np.poly(x[0])
""".split()

TWO_ARGUMENTS = """
add arctan2 atan2 copysign divide divmod equal float_power floor_divide fmax fmin fmod greater greater_equal heaviside
hypot less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum mod multiply nextafter
not_equal pow power remainder subtract true_divide matmul matvec vecmat vecdot
dot inner kron outer vdot allclose array_equal array_equiv isclose isin shares_memory may_share_memory can_cast:a,"f4"
cross convolve:a[0],b[0] correlate:a[0],b[0] tensordot setdiff1d setxor1d union1d intersect1d:a,a polyadd:a[0],b[0]
polysub:a[0],b[0] polymul:a[0],b[0] polydiv:a[0],b[0][:2] polyval:a[0],b[1] result_type searchsorted:[0.5,1.5],a
digitize:a,[0.5,1.5]
""".split()

USES: dict[str, str] = {
    # elementwise
    "clip": "np.clip(x, 0.35, x[0, 0])",
    "frexp": "np.frexp(x)[0]",
    "ldexp": "np.ldexp(x, 2)",
    "modf": "np.modf(x)[0]",
    "round": "np.round(x, 1)",
    "nan_to_num": "np.nan_to_num(np.append(x, np.inf), posinf=3.0)",
    "astype": "np.astype(x, float)",
    "interp": "np.interp(x, np.arange(7.0), x[0, 1] * np.arange(7.0) ** 2)",
    "where": "np.where(x > 0.5, x**2, 3 * x)",
    "select": "np.select([x < 0.5, x > 2], [x**2, x**3], x)",
    "choose": "np.choose([0, 1, 0], [x, x**2])",
    "piecewise": "np.piecewise(x, [x < 1], [np.sin, np.exp])",
    "bitwise_count": "np.bitwise_count(np.argsort(x))",
    **{name: f"np.{name}(x > 0.5, x < 1)" for name in ("bitwise_and", "bitwise_or", "bitwise_xor")},
    **{name: f"np.{name}(x > 0.5)" for name in ("bitwise_invert", "bitwise_not", "invert")},
    **{
        name: f"np.{name}(np.argsort(x), 2)"
        for name in ("bitwise_left_shift", "bitwise_right_shift", "left_shift", "right_shift", "gcd", "lcm")
    },
    # reductions, orders
    "apply_along_axis": "np.apply_along_axis(lambda row: np.sum(row**2), 1, x)",
    "apply_over_axes": "np.apply_over_axes(np.sum, x, [0, 1])",
    "argpartition": "np.argpartition(x, 1)",
    "partition": "np.partition(x, 1)",
    **{name: f"np.{name}(x, 0.3 * x[0, 1])" for name in ("quantile", "nanquantile")},
    **{name: f"np.{name}(x, [20, 70], axis=1)" for name in ("percentile", "nanpercentile")},
    "bincount": "np.bincount([0, 2, 0], weights=x[0])",
    "histogram": "np.histogram([0.1, 0.5, 0.9], bins=2, weights=x[0])",
    "histogram2d": "np.histogram2d([0.1, 0.5, 0.9], [1.0, 2.0, 2.0], bins=2, weights=x[0])",
    "histogramdd": "np.histogramdd(np.eye(3), bins=2, weights=x[0])",
    "histogram_bin_edges": "np.histogram_bin_edges(x, bins=4)",
    # shapes
    "append": "np.append(x, x[0])",
    "array_split": "np.array_split(x, 2)[0]",
    "block": "np.block([[x, x**2]])",
    "broadcast_arrays": "np.broadcast_arrays(x, np.ones((2, 3, 3)))[0]",
    "broadcast_to": "np.broadcast_to(x, (2, 3, 3))",
    "column_stack": "np.column_stack([x, x[0]])",
    "compress": "np.compress([True, False, True], x, axis=0)",
    "concat": "np.concat([x, x**2])",
    "concatenate": "np.concatenate([x, x**2])",
    "delete": "np.delete(x, 1, axis=0)",
    "dsplit": "np.dsplit(x[None], 3)[1]",
    "dstack": "np.dstack([x, x**2])",
    "expand_dims": "np.expand_dims(x, 1)",
    "extract": "np.extract(x > 0.5, x)",
    "hsplit": "np.hsplit(x, 3)[0]",
    "hstack": "np.hstack([x, x**2])",
    "insert": "np.insert(x, 1, x[0] ** 2, axis=0)",
    "meshgrid": "np.meshgrid(x[0], x[1])",
    "moveaxis": "np.moveaxis(x, 0, 1)",
    "pad": "np.pad(x, 1, mode='reflect')",
    "permute_dims": "np.permute_dims(x, (1, 0))",
    "repeat": "np.repeat(x, 2)",
    "reshape": "np.reshape(x, (9,))",
    "resize": "np.resize(x, (2, 6))",
    "roll": "np.roll(x, 2)",
    "rollaxis": "np.rollaxis(x, 1)",
    "split": "np.split(x, 3)[1]",
    "stack": "np.stack([x, x**2], -1)",
    "swapaxes": "np.swapaxes(x, 0, 1)",
    "take": "np.take(x, [0, 4, 4])",
    "take_along_axis": "np.take_along_axis(x, np.argsort(x, 1), 1)",
    "tile": "np.tile(x, (2, 1))",
    "vsplit": "np.vsplit(x, 3)[1]",
    "vstack": "np.vstack([x, x[0]])",
    # writes
    "copyto": "(lambda y: np.copyto(y, x[0], where=[True, False, True]) or y)(x * 2)",
    "fill_diagonal": "(lambda y: np.fill_diagonal(y, x[0]) or y)(x * 2)",
    "place": "(lambda y: np.place(y, y > 1, x[0]) or y)(x * 2)",
    "put": "(lambda y: np.put(y, [1, 3], x[0]) or y)(x * 2)",
    "put_along_axis": "(lambda y: np.put_along_axis(y, np.array([[0], [2], [1]]), x[:, :1], 1) or y)(x * 2)",
    "putmask": "(lambda y: np.putmask(y, y > 1, x**2) or y)(x * 2)",
    # made from numbers
    "empty_like": "np.ones_like(np.empty_like(x))",
    "full_like": "np.full_like(x, x[0, 0])",
    "geomspace": "np.geomspace(x[0, 0], x[1, 1], 4)",
    "linspace": "np.linspace(x[0, 0], x[1, 1], 4)",
    "logspace": "np.logspace(x[0, 0], x[1, 1], 4, base=x[0, 1])",
    # where transforms run code as it stands
    **{
        name: f"np.{name}([x[0, 0], 2 * x[0, 1]])"
        for name in "array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray require".split()
    },
    "c_": "np.c_[x[0], x[1]]",
    "fromfunction": "np.fromfunction(lambda i, j: x * i + j, (3, 3))",
    "fromiter": "np.fromiter((number**2 for number in x[0]), float)",
    "frompyfunc": "np.frompyfunc(lambda a, b: a * b, 2, 1)(x, x[0]).astype(float)",
    "full": "np.full(3, x[0, 0])",
    "ndenumerate": "np.stack([place[0] * number for place, number in np.ndenumerate(x)])",
    "nditer": "np.stack([2 * number for number in np.nditer(x)])",
    "poly1d": "np.poly1d(x[0])(x[1])",
    "r_": "np.r_[x[0], 0, x[1, 1]]",
    "row_stack": "np.row_stack([x, x[0]])",
    "vectorize": "np.vectorize(lambda a, b: a * b)(x, x[0])",
    # products
    "einsum": "np.einsum('ij,kj->ik', x, x)",
    "einsum_path": "np.einsum_path('ij,jk,kl->il', x, x, x)",
    # polynomials
    "polyder": "np.polyder(x[0], 1)",
    "polyfit": "np.polyfit([0.0, 1.0, 2.0, 4.0], np.append(x[0], 1.0), 2, w=np.append(x[1], 1.0))",
    "polyint": "np.polyint(x[0], 2, k=x[1, :2])",
    # positions
    "ix_": "np.ix_([0, 2], np.argsort(x[0]))",
    "ravel_multi_index": "np.ravel_multi_index(np.nonzero(x > 1), x.shape)",
    "unravel_index": "np.unravel_index(np.argmax(x), x.shape)",
    # files and text
    "save": "np.save(file(), x)",
    "savetxt": "np.savetxt(file(), x)",
    "savez": "np.savez(file(), x)",
    "savez_compressed": "np.savez_compressed(file(), x)",
    # linear algebra
    **{
        f"linalg.{name}": f"np.linalg.{name}(x)"
        for name in """cond det diagonal eigvals inv matrix_norm matrix_rank matrix_transpose norm pinv svdvals trace
            vector_norm eigvalsh""".split()
    },
    **{f"linalg.{name}": f"np.linalg.{name}(x, x**2)" for name in "cross matmul solve tensordot vecdot".split()},
    "linalg.cholesky": "np.linalg.cholesky(x @ x.T)",
    "linalg.eig": "np.linalg.eig(x)",
    "linalg.eigh": "np.linalg.eigh(x + x.T)",
    "linalg.lstsq": "np.linalg.lstsq(x[:, :2], x[:, 2], rcond=None)",
    "linalg.matrix_power": "np.linalg.matrix_power(x, -2)",
    "linalg.multi_dot": "np.linalg.multi_dot([x, x, x])",
    "linalg.outer": "np.linalg.outer(x[0], x[1])",
    "linalg.qr": "np.linalg.qr(x)",
    "linalg.slogdet": "np.linalg.slogdet(x)",
    "linalg.svd": "np.linalg.svd(x)",
    "linalg.tensorinv": "np.linalg.tensorinv(x[:, :, None], ind=1)",
    "linalg.tensorsolve": "np.linalg.tensorsolve(x, x[0])",
    # Fourier transforms
    **{
        f"fft.{name}": f"np.fft.{name}(x)"
        for name in """fft fft2 fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2
            rfftn""".split()
    },
    # views
    "lib.stride_tricks.as_strided": "np.lib.stride_tricks.as_strided(x, (2, 2), x.strides)",
    "lib.stride_tricks.sliding_window_view": "np.lib.stride_tricks.sliding_window_view(x, 2, axis=1)",
    # complex outside the domain of the real function
    **{f"emath.{name}": f"np.emath.{name}(x / 9)" for name in "sqrt log log2 log10 arccos arcsin arctanh".split()},
    "emath.logn": "np.emath.logn(x + 1, x)",
    "emath.power": "np.emath.power(x / 3, x / 3)",
}
for _entry in ONE_ARGUMENT:
    _name, _, _given = _entry.partition(":")
    USES.setdefault(_name, f"np.{_name}({_given or 'x'})")
for _entry in TWO_ARGUMENTS:
    _name, _, _given = _entry.partition(":")
    USES.setdefault(_name, f"(lambda a, b: np.{_name}({_given or 'a, b'}))(x, x[::-1] ** 2)")

# The series of np.polynomial: each module has the same functions, under a prefix of its own.
SERIES = {
    "polynomial": ("poly", "Polynomial"),
    "chebyshev": ("cheb", "Chebyshev"),
    "legendre": ("leg", "Legendre"),
    "laguerre": ("lag", "Laguerre"),
    "hermite": ("herm", "Hermite"),
    "hermite_e": ("herme", "HermiteE"),
}
OF_SERIES = {
    **dict.fromkeys(("add", "sub", "mul"), "(x[0], x[1])"),
    **dict.fromkeys(("mulx", "der", "int", "fromroots", "trim", "companion", "2poly"), "(x[0])"),
    "div": "(x[0], x[1, :2])",
    "pow": "(x[0], 2)",
    "val": "(x, x[0])",
    "val2d": "(x, x**2, x)",
    "val3d": "(x / 9, x / 8, x / 7, x[None])",
    "grid2d": "(x[0], x[1], x)",
    "grid3d": "(x[0], x[1], x[2], x[None])",
    "valfromroots": "(x, x[0, 0])",
    "vander": "(x[0], 2)",
    "vander2d": "(x[0], x[1], [1, 2])",
    "vander3d": "(x[0], x[1], x[2], [1, 1, 2])",
    "fit": "([0.0, 1.0, 2.0], x[0], 1)",
    "line": "(x[0, 0], x[1, 1])",
    "weight": "(x / 9)",
}
for _module, (_prefix, _class) in SERIES.items():
    _place = f"polynomial.{_module}."
    USES.update({f"{_place}{_prefix}{name}": f"np.{_place}{_prefix}{name}{given}" for name, given in OF_SERIES.items()})
    USES[f"{_place}{_prefix}roots"] = f"np.{_place}{_prefix}roots(np.{_place}{_prefix}fromroots(x[0]))"
    USES[f"{_place}poly2{_prefix}"] = f"np.{_place}poly2{_prefix}(x[0])"
    USES[f"{_place}{_class}"] = f"np.{_place}{_class}(x[0])(x[1])"
USES["polynomial.chebyshev.chebinterpolate"] = "np.polynomial.chebyshev.chebinterpolate(lambda t: x[0, 0] * t**2, 2)"

# Names that no tracked number is given to, by reason.
OTHERS: dict[str, str] = {
    "a type of numbers, or one of NumPy's own objects": """
        bool bool_ broadcast busdaycalendar byte bytes_ cdouble character clongdouble complex128 complex256 complex64
        complexfloating csingle datetime64 double dtype errstate finfo flatiter flexible float128 float16 float32
        float64 floating generic half iinfo inexact int16 int32 int64 int8 int_ intc integer intp long longdouble
        longlong matrix memmap ndarray ndindex number object_ recarray record short signedinteger
        single str_ timedelta64 ubyte ufunc uint uint16 uint32 uint64 uint8 uintc uintp ulong ulonglong
        unsignedinteger ushort void linalg.LinAlgError""",
    "a constant": """
        False_ ScalarType True_ e euler_gamma inf little_endian nan newaxis pi sctypeDict typecodes index_exp s_ mgrid
        ogrid""",
    "settings, files, texts and types": """
        base_repr binary_repr datetime_data format_float_positional format_float_scientific from_dlpack frombuffer
        fromfile fromregex fromstring genfromtxt get_include get_printoptions getbufsize geterr geterrcall info isdtype
        issubdtype load loadtxt mintypecode printoptions promote_types set_printoptions setbufsize seterr seterrcall
        show_config show_runtime test typename linalg.test fft.test isfortran isscalar iterable broadcast_shapes""",
    "dates, and the bits of integers": """
        busday_count busday_offset datetime_as_string is_busday isnat packbits unpackbits""",
    "of shapes and sizes alone": """
        arange bartlett blackman diag_indices empty eye fft.fftfreq fft.rfftfreq hamming hanning identity indices kaiser
        mask_indices nested_iters ones tri tril_indices triu_indices zeros""",
    "matrices: what is tracked is refused": "asmatrix bmat",
}

for _module, (_prefix, _class) in SERIES.items():
    _place = f"polynomial.{_module}."
    OTHERS["a constant"] += "".join([f" {_place}{_prefix}{name}" for name in ("domain", "zero", "one", "x")])
    OTHERS["of shapes and sizes alone"] += "".join([f" {_place}{_prefix}{name}" for name in ("gauss", "pts1", "pts2")])

# The methods and attributes of arrays.
METHODS: dict[str, str] = {
    **{
        name: f"x.{name}()"
        for name in """all any argmax argmin argsort conj conjugate copy cumprod cumsum diagonal dump dumps flatten item
            max mean min nonzero prod ravel round std sum tobytes trace transpose var""".split()
    },
    **{
        name: f"x.{name}"
        for name in """T mT base ctypes data device dtype flags imag itemsize nbytes ndim real shape size
            strides""".split()
    },
    "data": "np.shape(x.data)",
    "item": "x.item(3) * np.ones(1)",
    "tolist": "x.tolist()[0][1] * np.ones(1)",
    "flat": "np.stack(list(x.flat))",
    "dump": "x.dump(file())",
    "argpartition": "x.argpartition(1)",
    "astype": "x.astype(float)",
    "byteswap": "x.byteswap()",
    "choose": "(x > 1).astype(int).choose([x, x**2])",
    "clip": "x.clip(0.35, 2)",
    "compress": "x.compress([True, False, True], 0)",
    "dot": "x.dot(x)",
    "fill": "(lambda y: y.fill(x[0, 0]) or y)(x * 2)",
    "getfield": "x.getfield(float)",
    "partition": "(lambda y: y.partition(1) or y)(x * 2)",
    "put": "(lambda y: y.put([1, 3], x[0]) or y)(x * 2)",
    "repeat": "x.repeat(2)",
    "reshape": "x.reshape(9)",
    "resize": "(lambda y: y.resize((2, 2)) or y)(np.concatenate([x, x]))",
    "searchsorted": "x[0].searchsorted([0.5])",
    "setfield": "(lambda y: y.setfield(x, float) or y)(x * 2)",
    "setflags": "(lambda y: y.setflags(write=True) or y)(x * 2)",
    "sort": "(lambda y: y.sort() or y)(x * 2)",
    "squeeze": "x[None].squeeze()",
    "swapaxes": "x.swapaxes(0, 1)",
    "take": "x.take([0, 4, 4])",
    "to_device": "x.to_device('cpu')",
    "tofile": "x.tofile(nowhere)",
    "view": "x.view()",
}
