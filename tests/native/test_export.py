"""Exported functions: compiled into a program in C they compute what Python computes; what cannot be says why."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from chainrule.native import export as exporting
from chainrule.native import machine
from chainrule.transforms.trees import flatten
from tests.interop import provoked
from tests.native.test_doors import CASES, same

CC = shutil.which("cc") or shutil.which("gcc")
needs_c = pytest.mark.skipif(CC is None, reason="there is no C compiler")
x = np.linspace(0.3, 1.7, 6)
A = np.arange(12.0).reshape(3, 4)
strided = np.arange(24.0).reshape(4, 6)[::-2, 1::2]


def run(made: Any, *more: str) -> tuple[int, dict[str, list[float]]]:
    """The status and the results that the example prints."""
    place = made.example.parent
    target = place / "program"
    arguments = [str(CC), "-std=c99", "-Wall", "-Wextra", "-Werror", made.example.name, made.object_file.name, *more]
    libraries = [name for name in made.libraries if name != "-lblas"]
    subprocess.run([*arguments, *libraries, "-o", target.name], cwd=place, check=True)
    done = subprocess.run([str(target)], capture_output=True, text=True, check=False)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["status", str(done.returncode)]
    return done.returncode, {name: [float(value) for value in values if value != "..."] for name, *values in lines[1:]}


def in_python(made: Any) -> Any:
    """The function of the module that was written."""
    spec = importlib.util.spec_from_file_location(made.python.stem, made.python)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, made.python.stem)


def agrees(made: Any, expected: Any, *more: str) -> None:
    """The example prints the expected results."""
    status, found = run(made, *more)
    assert status == 0
    numbers = [np.ravel(value)[:20] for value in flatten(expected)[0]]
    for values, wanted in zip(found.values(), numbers, strict=True):
        np.testing.assert_allclose(
            values, np.asarray(wanted, float), rtol=2e-6 if wanted.dtype == np.float32 else 1e-12
        )


@needs_c
@pytest.mark.parametrize("name", sorted(set(CASES) - {"infinite", "products"}))
def test_in_c_and_in_python(name: str, tmp_path: Path) -> None:
    f, arguments = CASES[name]
    made = cr.export(f, *arguments, path=tmp_path / "made")
    agrees(made, f(*arguments))
    leaves = [leaf for leaf in flatten(arguments)[0] if isinstance(leaf, np.ndarray | float | np.floating)]
    same(in_python(made)(*leaves), f(*arguments))


def net(x: Any, params: Any, rate: Any) -> Any:
    hidden = np.tanh(params["W"] @ x + params["b c"][0])
    return np.sum(hidden * hidden) * rate + np.sum(strided * strided[0]) * hidden[0]


@needs_c
def test_value_and_gradient_with_everything(tmp_path: Path) -> None:
    f = cr.value_and_grad(net, argnums=(0, 1))
    arguments = (x[:4].copy(), {"W": A / 10, "b c": (np.ones(3),)}, 0.5)
    made = cr.export(f, *arguments, path=tmp_path / "net")
    agrees(made, f(*arguments))
    header = made.header.read_text()
    assert "int net(const double *x, const double *params_W, const double *params_b_c0, double rate" in header
    assert "#define NET_SIZE_params_W 12" in header
    assert "params['b c'][0]" in header
    assert header.count("inside: an array of float64") >= 1
    same(in_python(made)(arguments[0], A / 10, np.ones(3), 0.5), f(*arguments))


@needs_c
def test_numbers_inside_are_those_of_the_export(tmp_path: Path) -> None:
    weight = np.ones(6)
    made = cr.export(lambda a: a * weight, x, path=tmp_path / "made")
    weight[:] = 5.0
    agrees(made, x)


def test_gaps_between_numbers_are_not_written(tmp_path: Path) -> None:
    secret = np.full((3, 8), 1234.5678)
    secret[:, 0] = 1.0
    column = secret[:, 0]
    made = cr.export(lambda a: a * column, np.ones(3), path=tmp_path / "made")
    assert np.float64(1234.5678).tobytes() not in made.object_file.read_bytes()


GEMM = """
void dgemm_(const char *ta, const char *tb, const int *m, const int *n, const int *k, const double *alpha,
            const double *a, const int *lda, const double *b, const int *ldb, const double *beta, double *c,
            const int *ldc)
{
    for (int i = 0; i < *m; i++)
        for (int j = 0; j < *n; j++) {
            double sum = 0;
            for (int p = 0; p < *k; p++)
                sum += a[*ta == 'N' ? i + p * *lda : p + i * *lda] * b[*tb == 'N' ? p + j * *ldb : j + p * *ldb];
            c[i + j * *ldc] = *alpha * sum + (*beta == 0 ? 0 : *beta * c[i + j * *ldc]);
        }
}
"""


@needs_c
def test_products_are_loops_or_calls_of_blas(tmp_path: Path) -> None:
    B = 0.5 + np.arange(900.0).reshape(30, 30) % 7 / 8

    def f(a: Any) -> Any:
        return np.sum((a @ a.T)[:3], axis=1), a @ a

    loops = cr.export(f, B, path=tmp_path / "loops")
    agrees(loops, f(B))
    assert loops.libraries[-1] == "-lm"
    assert b"dgemm" not in loops.object_file.read_bytes()
    calls = cr.export(f, B, path=tmp_path / "calls", blas=True)
    assert calls.libraries[-1] == "-lblas"
    assert b"dgemm_" in calls.object_file.read_bytes()
    (tmp_path / "gemm.c").write_text(GEMM)
    agrees(calls, f(B), "gemm.c")


@needs_c
def test_memory_to_work_in_is_the_callers(tmp_path: Path) -> None:
    large = 0.5 + np.arange(4000.0) % 7 / 8

    def f(a: Any) -> Any:
        b = np.exp(a)
        return np.sum(b[::-1] * b) / np.sum(b), b[::-1][:5] + np.max(b)

    made = cr.export(f, large, path=tmp_path / "made")
    agrees(made, f(large))
    declared = re.search(r"#define MADE_SCRATCH (\d+)", made.header.read_text())
    assert (declared is not None) == ("void *scratch" in made.header.read_text())


@needs_c
def test_a_result_that_is_not_finite(tmp_path: Path) -> None:
    made = cr.export(lambda a: 1.0 / a, np.array([1.0, 0.0]), path=tmp_path / "made")
    assert run(made) == (2, {"out": [1.0, np.inf]})


@needs_c
@pytest.mark.parametrize("cpu", ["x86-64", "x86-64-v3", "native", None])
@pytest.mark.parametrize("portable", [True, False])
def test_processors(cpu: str | None, portable: bool, tmp_path: Path) -> None:
    if cpu is not None and cpu != "native" and not machine.triple().startswith("x86_64"):
        pytest.skip("another kind of processor")
    made = cr.export(np.sin, np.linspace(0, 1, 80), path=tmp_path / "made", cpu=cpu, portable=portable)
    symbols = made.object_file.read_bytes()
    assert (b"_ZGV" in symbols) == ("-lmvec" in made.libraries)
    assert not (portable and b"_ZGV" in symbols)
    if cpu != "x86-64-v3" or "d" in machine.vector_sets():  # what this machine can run
        agrees(made, np.sin(np.linspace(0, 1, 80)))


@needs_c
def test_names_that_c_has_already(tmp_path: Path) -> None:
    def f(double: Any, printf: Any, at: Any, scratch: Any) -> Any:
        return {"a b": double * printf["x"], "a_b": at["é"] + scratch}

    arguments = (x, {"x": x}, {"é": x}, x)
    made = cr.export(f, *arguments, path=tmp_path / "made")
    agrees(made, f(*arguments))
    assert "double_, const double *printf_x, const double *at__, const double *scratch_" in made.header.read_text()
    assert "double *out_a_b, double *out_a_b_2" in made.header.read_text()
    same(in_python(made)(x, x, x, x), f(*arguments))


def test_what_is_fixed_is_said(tmp_path: Path) -> None:
    made = cr.export(lambda a, n, how: a * n, x, 3, "*/ what", path=tmp_path / "made")
    assert "fixed: n = 3" in made.header.read_text()
    assert "fixed: how = '* / what'" in made.header.read_text()


def test_a_compiled_function(tmp_path: Path) -> None:
    f = cr.compile(lambda a: a * 2)
    f(x)
    assert "int made(const double *a, double *out)" in cr.export(f, x, path=tmp_path / "made").header.read_text()


def not_recordable(a: Any) -> Any:
    return a if a[0] > 0 else -a


ERRORS: list[tuple[Any, type[Exception], list[str]]] = [
    (lambda: cr.export(not_recordable, x, path="f"), errors.ExportError, ["not_recordable cannot", "test_export.py"]),
    (lambda: cr.export(print, x, path="f"), errors.ExportError, ["print cannot be exported", "print()"]),
    (lambda: cr.export(np.linalg.inv, np.eye(3), path="f"), errors.ExportError, ["inv cannot be exported: inv has no"]),
    (lambda: cr.export(np.sin, x * 1j, path="f"), errors.ExportError, ["sin cannot be exported", "complex128"]),
    (lambda: cr.export(np.sin, np.ones(0), path="f"), errors.ExportError, ["an argument is empty"]),
    (lambda: cr.export(3, x, path="f"), errors.ExportError, ["export wants a function; got int"]),  # type: ignore[arg-type]
    (lambda: cr.export(np.sin, x, path="a/b.o"), errors.OptionError, ["'a/b.o'", "without a suffix"]),
    (lambda: cr.export(np.sin, x, path="int"), errors.OptionError, ["'int'", "has to be a name"]),
    (lambda: cr.export(np.sin, x, path="a/sin"), errors.OptionError, ["sin is a function of the C library's"]),
    (lambda: cr.export(np.sin, x, path="f", cpu="z80"), errors.OptionError, ["cpu='z80'", "native"]),
]  # fmt: skip


@pytest.mark.parametrize(("provoke", "kind", "says"), ERRORS)
def test_message(
    provoke: Any, kind: type[Exception], says: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    provoked.says(provoke, kind, says, longest=300)
    assert list(tmp_path.iterdir()) == []


def test_message_without_llvm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "llvm", None)
    with pytest.raises(errors.LibraryMissingError, match="export needs LLVM: pip install llvmlite"):
        cr.export(np.sin, x, path="f")
