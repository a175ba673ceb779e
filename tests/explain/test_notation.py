"""Every operation in the registry can be written: Python that computes the same, text, and LaTeX that converts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from chainrule.explain.form import fresh_axes
from chainrule.explain.mathml import mathml
from chainrule.explain.piece import Binding, Piece
from chainrule.explain.symbols import call, helper_names, helpers_in, written
from chainrule.op import OPERATIONS, Notation, Operation, Sample
from tests.operations import SHAPES, draw, samples_of

ARBITRARY = {"empty_like"}  # operations whose entries may be anything


def every_sample(operation: Operation) -> list[Sample]:
    """The samples of an operation; broadcasting shapes where it has none."""
    return samples_of(operation) or [Sample(shapes) for shapes in SHAPES[len(operation.arguments or ())]]


CASES = [
    pytest.param(operation, sample, id=f"{operation.name}-{number}")
    for operation in OPERATIONS.values()
    for number, sample in enumerate(every_sample(operation))
]
FIRST = [pytest.param(operation, every_sample(operation)[0], id=operation.name) for operation in OPERATIONS.values()]


def kinds(arguments: list[Any]) -> Iterator[list[Any]]:
    """The arguments as they are, and, for operations that refuse these, as integers and as dates."""
    yield arguments
    whole = [np.abs(np.asarray(argument) * 10).astype(int) for argument in arguments]
    yield whole
    yield [argument.astype("datetime64[D]") for argument in whole]


def taken(operation: Operation, sample: Sample) -> tuple[list[Any], Any]:
    """Arguments that the operation takes, and its result."""
    for arguments in kinds(draw(operation, sample.arguments, 7)):
        try:
            return arguments, operation.forward(*arguments, **sample.params)
        except TypeError:
            continue
    raise AssertionError(f"{operation.name} takes no arguments of its sample {sample}")


def letters(arguments: list[Any]) -> list[Piece]:
    return [
        Piece(f"a{k}", f"a_{{{k}}}", f"a{k}", fresh_axes(np.shape(argument))) for k, argument in enumerate(arguments)
    ]


def sums(arguments: list[Any]) -> list[Piece]:
    """Each argument as the sum of two."""
    return [
        Piece(
            f"x{k} + y{k}", f"x_{{{k}}} + y_{{{k}}}", f"x{k} + y{k}", fresh_axes(np.shape(a)), Binding.SUM, Binding.SUM
        )
        for k, a in enumerate(arguments)
    ]


def raised(arguments: list[Any]) -> list[Piece]:
    """Names that have an index and an exponent already: a second one must not stand beside them."""
    return [
        Piece(f"x₁{k}", f"{{x_{{1}}}}^{{({k})}}", f"x_{k}", fresh_axes(np.shape(a))) for k, a in enumerate(arguments)
    ]


def run(source: str, values: Mapping[str, Any]) -> Any:
    """An expression evaluated with NumPy, the helpers that it calls and the modules of SciPy that it mentions."""
    names: dict[str, Any] = {"np": np, **values}
    if "scipy.special" in source or "scipy.linalg" in source:
        names["scipy"] = scipy
    exec(helpers_in(source), names)
    return eval(source, names)


@pytest.mark.parametrize(("operation", "sample"), CASES)
def test_the_python_computes_what_the_operation_does(operation: Operation, sample: Sample) -> None:
    arguments, expected = taken(operation, sample)
    piece = call(operation, letters(arguments), sample.params, fresh_axes(np.shape(expected)))
    found = run(piece.python, {f"a{k}": argument for k, argument in enumerate(arguments)})
    assert np.shape(found) == np.shape(expected), piece.python
    assert np.asarray(found).dtype.kind == np.asarray(expected).dtype.kind, piece.python
    if operation.name not in ARBITRARY:
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12, equal_nan=True, err_msg=piece.python)


@pytest.mark.parametrize(("operation", "sample"), FIRST)
def test_sums_are_put_in_parentheses_where_they_must(operation: Operation, sample: Sample) -> None:
    """Each argument that is numbers is x + y, so that lost parentheses change the value or do not run."""
    arguments, expected = taken(operation, sample)
    pieces, values = letters(arguments), dict[str, Any]()
    for k, argument in enumerate(arguments):
        given = np.asarray(argument)
        if given.dtype.kind in "bM":  # no sum is of this kind
            values[f"a{k}"] = given
            continue
        part = np.abs(given) // 2 if given.dtype.kind in "iu" else given * 0.375 + 1.0
        pieces[k] = sums(arguments)[k]
        values |= {f"x{k}": part, f"y{k}": given - part}
    piece = call(operation, pieces, sample.params, fresh_axes(np.shape(expected)))
    found = run(piece.python, values)
    if operation.name not in ARBITRARY:
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8, err_msg=piece.python)


OUTER = {
    Binding.SUM: ("{} + t", "{} - t"),
    Binding.CHAIN: ("{} * t", "{} / t"),
    Binding.SIGN: ("t * {}", "t / {}", "-{}"),
    Binding.POWER: ("-{}", "t * {}"),
    Binding.ATOM: ("{} ** t", "t ** {}", "{}.T"),
}


@pytest.mark.parametrize(("operation", "sample"), FIRST)
def test_the_precedence_of_the_python_is_right(operation: Operation, sample: Sample) -> None:
    """What is said to bind tightly enough for its surroundings needs no parentheses there."""
    arguments, _ = taken(operation, sample)
    piece = call(operation, letters(arguments), sample.params, ())
    assert piece.precedence in OUTER
    for binding, contexts in OUTER.items():
        for context in contexts if binding <= piece.precedence else ():
            bare, wrapped = context.format(piece.python), context.format(f"({piece.python})")
            assert compile(bare, "", "eval").co_code == compile(wrapped, "", "eval").co_code, bare


PAIRS = {")": "(", "]": "[", "}": "{", "⟩": "⟨", "⌋": "⌊", "⌉": "⌈"}


def is_balanced(text: str) -> bool:
    pending: list[str] = []
    for letter in text:
        if letter in PAIRS.values():
            pending.append(letter)
        elif letter in PAIRS and (not pending or pending.pop() != PAIRS[letter]):
            return False
    return not pending and not text.count("‖") % 2 and not text.count("|") % 2


@pytest.mark.parametrize("pieces", [letters, sums, raised])
@pytest.mark.parametrize(("operation", "sample"), CASES)
def test_text_and_latex_are_whole(operation: Operation, sample: Sample, pieces: Any) -> None:
    arguments, _ = taken(operation, sample)
    piece = call(operation, pieces(arguments), sample.params, ())
    assert piece.text.strip()
    assert is_balanced(piece.text), piece.text
    assert "Ξ" not in piece.text + piece.latex + piece.python
    bare = piece.latex.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}"), piece.latex
    assert bare.count(r"\left") - bare.count(r"\leftarrow") == bare.count(r"\right"), piece.latex
    for word in bare.split(r"\operatorname{")[1:] + bare.split(r"\mathtt{")[1:]:
        assert "_" not in word.partition("}")[0].replace(r"\_", ""), piece.latex
    assert mathml(piece.latex).startswith("<math")


@pytest.mark.parametrize(
    ("python", "error"), [("", NameError), ("np.cos({0})", AssertionError), ("np.sum({0})", AssertionError)]
)
def test_an_operation_whose_python_does_not_run_is_found(
    python: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new operation whose name NumPy does not have, or whose Python is another function, fails above."""
    made = Operation("no_name_of_numpys", np.sin, ("x",), [])
    made.notation = Notation(python=python)
    monkeypatch.setitem(OPERATIONS, made.name, made)
    with pytest.raises(error):
        test_the_python_computes_what_the_operation_does(made, Sample(((3,),)))


def told(name: str, *arguments: str, **params: Any) -> tuple[str, str, str]:
    """The three notations of an operation on arguments of which those with a blank are sums."""
    pieces = []
    for argument in arguments:
        binding = Binding.SUM if " " in argument else Binding.ATOM
        pieces.append(Piece(argument, argument, argument, (), binding, binding))
    piece = call(OPERATIONS[name], pieces, params, ())
    return piece.text, piece.latex, piece.python


@pytest.mark.parametrize(
    ("name", "arguments", "params", "expected"),
    [
        ("square", ["x + y"], {}, ("(x + y)²", r"{\left(x + y\right)}^{2}", "(x + y) ** 2")),
        ("exp", ["x + y"], {}, ("exp(x + y)", r"\exp\left(x + y\right)", "np.exp(x + y)")),
        ("absolute", ["x + y"], {}, ("|x + y|", r"\left|x + y\right|", "np.abs(x + y)")),
        ("sqrt", ["x + y"], {}, ("√(x + y)", r"\sqrt{x + y}", "np.sqrt(x + y)")),
        ("sigmoid", ["z"], {}, ("σ(z)", r"\sigma\left(z\right)", "1 / (1 + np.exp(-z))")),
        ("sigmoid", ["x + y"], {}, ("σ(x + y)", r"\sigma\left(x + y\right)", "1 / (1 + np.exp(-(x + y)))")),
        ("greater", ["a", "b"], {}, ("[a > b]", "[a > b]", "(a > b)")),
        ("inv", ["A + B"], {}, ("(A + B)⁻¹", r"{\left(A + B\right)}^{-1}", "np.linalg.inv(A + B)")),
        ("solve", ["A", "b"], {}, ("A⁻¹ b", "{A}^{-1} b", "np.linalg.solve(A, b)")),
        ("pinv", ["A"], {"rcond": None}, ("A⁺", "{A}^{+}", "np.linalg.pinv(A)")),
        ("logabsdet", ["A"], {}, ("log |det A|", r"\log\left|\det A\right|", "np.linalg.slogdet(A)[1]")),
        ("cholesky", ["A"], {}, ("chol(A)", r"\operatorname{chol}\left(A\right)", "np.linalg.cholesky(A)")),
        ("trace", ["A"], {"offset": 0, "axis1": 0, "axis2": 1, "dtype": None},
         ("tr(A)", r"\operatorname{tr}\left(A\right)", "np.trace(A)")),
        ("max", ["z"], {"axis": 1, "keepdims": True},
         ("max(z, axis=1)", r"\max\left(z, \mathtt{axis=1}\right)", "np.max(z, axis=1, keepdims=True)")),
        ("softmax", ["z"], {"axis": -1},
         ("softmax(z)", r"\operatorname{softmax}\left(z\right)", "scipy.special.softmax(z, axis=-1)")),
        ("euclidean_norm", ["x + y"], {"axis": None, "keepdims": False},
         ("‖x + y‖", r"\left\|x + y\right\|", "np.linalg.norm(x + y)")),
        ("getitem", ["x"], {"index": (("slice", 1, -1, None),)}, ("x[1:-1]", "x[1{:}-1]", "x[1:-1]")),
        ("getitem", ["x", "y"], {"index": (("array",),)}, ("x[y]", "x[y]", "x[y]")),
        ("getitem", ["x + y"], {"index": (("slice", None, None, None), ("new",))},
         ("(x + y)[:, None]", r"\left(x + y\right)[{:}, \mathtt{None}]", "(x + y)[:, None]")),
        ("overwrite", ["x", "y"], {"index": (("int", 0),)},
         ("(x with [0] ← y)", r"\left(x \text{ with } [0] \leftarrow y\right)", "overwritten(x, np.s_[0], y)")),
        ("transpose", ["A"], {"axes": (1, 0)}, ("Aᵀ", r"{A}^{\top}", "A.T")),
        ("transpose", ["A"], {"axes": (0, 2, 1)}, ("Aᵀ", r"{A}^{\top}", "A.mT")),
        ("reshape", ["x"], {"shape": (2, 3)},
         ("reshape(x, (2, 3))", r"\operatorname{reshape}\left(x, \mathtt{(2, 3)}\right)", "x.reshape(2, 3)")),
        ("concatenate", ["a", "b"], {"axis": 0}, ("[a; b]", r"\left[a; b\right]", "np.concatenate([a, b])")),
        ("einsum", ["a", "b"], {"subscripts": "ij,jk->ik"},
         ("Σ_j a[i,j] b[j,k]", r"\sum_{j} {a}_{i j} {b}_{j k}", 'np.einsum("ij,jk->ik", a, b)')),
        ("nan_to_num", ["x"], {"nan": 0.5, "posinf": float("inf"), "neginf": None},
         ("nan_to_num(x, nan=0.5, posinf=np.inf)",
          r"\operatorname{nan\_to\_num}\left(x, \mathtt{nan=0.5}, \mathtt{posinf=np.inf}\right)",
          "np.nan_to_num(x, nan=0.5, posinf=np.inf)")),
    ],
)  # fmt: skip
def test_it_reads_as_a_person_writes(
    name: str, arguments: list[str], params: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert told(name, *arguments, **params) == expected


def test_a_comparison_has_parentheses_only_where_they_are_needed() -> None:
    mask = call(OPERATIONS["greater"], [Piece("x", "x", "x", ()), Piece("0", "0", "0", ())], {}, ())
    x = Piece("x", "x", "x", ())
    assert call(OPERATIONS["where"], [mask, x, x], {}, ()).python == "np.where(x > 0, x, x)"
    assert call(OPERATIONS["multiply"], [mask, x], {}, ()).python == "(x > 0) * x"
    assert call(OPERATIONS["getitem"], [x, mask], {"index": (("array",),)}, ()).python == "x[x > 0]"


@pytest.mark.parametrize(
    ("name", "arguments", "params", "binding", "precedence"),
    [
        ("sigmoid", 1, {}, Binding.ATOM, Binding.CHAIN),
        ("square", 1, {}, Binding.POWER, Binding.POWER),
        ("add", 2, {}, Binding.SUM, Binding.SUM),
        ("divide", 2, {}, Binding.QUOTIENT, Binding.CHAIN),
        ("multiply", 2, {}, Binding.HADAMARD, Binding.CHAIN),
        ("invert", 1, {}, Binding.POWER, Binding.SIGN),
        ("solve", 2, {}, Binding.CHAIN, Binding.ATOM),
        ("det", 1, {}, Binding.ATOM, Binding.ATOM),
        ("logical_and", 2, {}, Binding.ATOM, Binding.ATOM),
        ("bitwise_and", 2, {}, Binding.ATOM, Binding.ATOM),
        ("inv", 1, {}, Binding.ATOM, Binding.ATOM),
        ("absolute", 1, {}, Binding.ATOM, Binding.ATOM),
    ],
)
def test_how_tightly_it_binds(
    name: str, arguments: int, params: dict[str, Any], binding: Binding, precedence: Binding
) -> None:
    piece = call(OPERATIONS[name], letters([0.0] * arguments), params, ())
    assert (piece.binding, piece.precedence) == (binding, precedence)


def test_only_the_helpers_that_are_called_are_defined() -> None:
    assert helpers_in("y = np.sin(x)\nleave_one_out = x.partitioned(2)") == ""
    assert helpers_in("y = overwritten(x, np.s_[0], 1)").startswith("def overwritten(x, index, y):")
    both = helpers_in("y = overwritten(x, np.s_[0], cofactors_of(a))")
    assert both.count("def ") == 2


@pytest.mark.parametrize("name", sorted(helper_names()))
def test_a_helper_is_what_its_name_says(name: str) -> None:
    names: dict[str, Any] = {"np": np}
    exec(helper_names()[name], names)
    assert callable(names[name])


def test_an_operation_of_the_users_is_a_call_of_its_name() -> None:
    """Even if NumPy has a function of that name."""
    own = Operation("norm", np.sin, ("x",), [])
    assert call(own, letters([0.0]), {}, ()).python == "norm(a0)"


def test_python_on_source() -> None:
    assert written(OPERATIONS["multiply"], ["a + b", "x > 0"], {}) == "(a + b) * (x > 0)"
    assert written(OPERATIONS["matmul"], ["h[2]", "W.T"], {}) == "h[2] @ W.T"
    assert written(OPERATIONS["exp"], ["…"], {}) == "np.exp(…)"
