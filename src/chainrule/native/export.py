"""`export`: a function as an object file for C, with its header, an example, and its program as Python to be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ExportError, LibraryMissingError, OptionError
from chainrule.native.emit import Kernel
from chainrule.native.entry import Call
from chainrule.native.kernels import lowered
from chainrule.native.libraries import llvm
from chainrule.native.lowering import NotLowerableError
from chainrule.native.machine import module_text, object_file, triple, vector_sets
from chainrule.native.recorded import UnsuitableError, key_of, rebuilt, recorded
from chainrule.native.scalar import Source
from chainrule.native.signature import Signature, is_identifier, names_of_c, signature_of
from chainrule.native.sources import Made, write_example, write_header, write_python
from chainrule.native.text import Body, memory_type
from chainrule.transforms.trees import flatten

__all__ = ["Exported", "export"]

# The letters of the instruction sets for which the vector library may be called, by processor.
_SETS = {"x86-64": "b", "x86-64-v2": "b", "x86-64-v3": "bd", "x86-64-v4": "bde"}


class Exported(NamedTuple):
    """The files that were written, and what they have to be linked with."""

    object_file: Path
    header: Path
    example: Path
    python: Path
    libraries: tuple[str, ...]


def export(
    function: Callable[..., Any],
    *arguments: Any,
    path: str | Path,
    cpu: str | None = None,
    portable: bool = False,
    blas: bool = False,
) -> Exported:
    """Write a function, for arguments like these, as object code that C can call.

    ``path`` without a suffix names four files: the object (``.o``) with a function of that name, its header (``.h``),
    a program that calls it (``.c``), and the same computation as Python to be read (``.py``). Shapes and dtypes are
    those of the arguments; arrays that the function reads become constants in the object. ``cpu`` is the processor
    that it is for: by default x86-64-v3 (of 2013 and later) where this is an x86-64, ``"native"`` for this very one.
    With ``portable`` it needs no library but ``-lm``, and any processor of its kind; otherwise functions of whole
    vectors come from glibc's ``-lmvec``. With ``blas`` products of large matrices call ``dgemm_`` and ``sgemm_``, for
    any BLAS with integers of 32 bits, and linear equations, inverses, determinants and Cholesky factors call LAPACK;
    otherwise the former are loops, and there are none of the latter.

    >>> import chainrule as cr, tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     made = cr.export(cr.grad(lambda x: np.sum(np.sin(x))), np.ones(3), path=f"{place}/slope")
    ...     print(made.header.read_text().split("int slope")[1].split(";")[0])
    (const double *x, double *out)
    """
    target = Path(path)
    name = target.name
    if not is_identifier(name):
        raise OptionError(
            f"path={str(path)!r}: the last part names the function in C, so it has to be a name without a suffix"
        )
    if name in names_of_c():
        raise OptionError(f"path={str(path)!r}: {name} is a function of the C library's: choose another name")
    if llvm is None:
        raise LibraryMissingError("export needs LLVM: pip install llvmlite")
    processor, sets = _processor(cpu, portable)
    kernel, call, made, straight = _lowered(function, arguments, blas)
    signature = signature_of(function, name, straight, call)
    text, scratch = _module(name, kernel, call, signature, sets)
    code = object_file(text, processor)
    libraries = (*["-lmvec"] * (b"_ZGV" in code), "-lm", *_linked(kernel))
    about = Made(
        name, signature, call, scratch, f"{processor or 'the processor of this machine'} ({triple()})", libraries
    )
    leaves = [leaf for leaf in flatten(straight)[0] if _is_data(leaf)]
    files = [target.with_name(f"{name}.{ending}") for ending in ("o", "h", "c", "py")]
    written = Exported(files[0], files[1], files[2], files[3], libraries)
    written.object_file.write_bytes(code)
    written.header.write_text(write_header(about), encoding="utf-8")
    written.example.write_text(write_example(about, leaves), encoding="utf-8")
    written.python.write_text(write_python(about, made), encoding="utf-8")
    return written


def _processor(cpu: str | None, portable: bool) -> tuple[str | None, str]:
    """LLVM's name of a processor, None for this one; and the instruction sets for vectors from a library."""
    known = _SETS if triple().startswith("x86_64") else {"generic": ""}
    if cpu is None:
        cpu = next(iter(known)) if portable or len(known) == 1 else "x86-64-v3"
    if cpu not in (*known, "native"):
        raise OptionError(f"cpu={cpu!r} is not one of {', '.join([*known, 'native'])}")
    if cpu == "native":
        return None, "" if portable else vector_sets()
    return cpu, "" if portable else known[cpu]


def _linked(kernel: Kernel) -> list[str]:
    """The libraries of a kernel's functions, LAPACK before BLAS, which it calls itself."""
    used = {library for library, _ in kernel.functions}
    return [*["-llapack"] * ("lapack" in used), *["-lblas"] * bool(used)]


def _in_order(leaf: Any) -> Any:
    return leaf.copy(order="C") if isinstance(leaf, np.ndarray) else leaf


def _is_data(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray | float | np.floating)


def _lowered(function: Callable[..., Any], arguments: Sequence[Any], blas: bool) -> tuple[Kernel, Call, Any, Any]:
    """The kernel for arguments in C order; or an error that says why there is none."""
    said = getattr(function, "__qualname__", repr(function))
    if not callable(function):
        raise ExportError(f"export wants a function; got {type(function).__name__}")
    function = getattr(function, "__wrapped__", function) if hasattr(function, "recordings") else function
    given: list[Any] = []
    try:
        key_of(arguments, given)
        if any([np.size(leaf) == 0 for leaf in given]):  # C has no arrays of no elements
            raise UnsuitableError("an argument is empty")
        straight = rebuilt(arguments, iter([_in_order(leaf) for leaf in given]))
        leaves: list[Any] = []
        key_of(straight, leaves)
        made = recorded(function, straight, leaves)
        if isinstance(made, str):
            raise ExportError(f"{said} cannot be exported: {made}")
        kernel, call = lowered(made, straight, blas)
    except (UnsuitableError, NotLowerableError) as problem:
        raise ExportError(f"{said} cannot be exported: {problem}") from None
    return kernel, call, made, straight


# --- the module ---


def _module(name: str, kernel: Kernel, call: Call, signature: Signature, sets: str) -> tuple[str, int]:
    """The assembly of everything; and how much scratch memory a call needs."""
    body, data, tables = Body(), dict[Source, str](), list[str]()
    declared = []
    for parameter in signature.inputs:
        kind = memory_type(parameter.source.dtype)
        declared.append(f"{kind if parameter.is_number else 'ptr'} %p.{parameter.name}")
        data[parameter.source] = f"%p.{parameter.name}"
        if parameter.is_number:
            data[parameter.source] = body.reserve(f"alloca {kind}")
            body.do(f"store {kind} %p.{parameter.name}, ptr {data[parameter.source]}")
    for parameter in signature.outputs:
        declared.append(f"ptr %p.{parameter.name}")
        data[parameter.source] = f"%p.{parameter.name}"
    for number, (memory, array) in enumerate(call.captured):
        contents, start = _contents(array)
        tables.append(f"@read.{number} = internal constant [{len(contents)} x i8] {_bytes(contents)}, align 64")
        data[memory] = f"getelementptr (i8, ptr @read.{number}, i64 {start})" if start else f"@read.{number}"
    if call.check is not None:
        data[call.check] = body.reserve(f"alloca {memory_type(call.check.dtype)}")
    scratch = 0
    for source in kernel.arrays:
        if source not in data:
            data[source] = body.put(f"getelementptr i8, ptr %p.scratch, i64 {scratch}")
            scratch += source.room
    if scratch:
        declared.append("ptr %p.scratch")
    status = body.put(f"call i32 @kernel({', '.join([f'ptr {data[source]}' for source in kernel.arrays])})")
    if call.check is not None:
        kind = memory_type(call.check.dtype)
        total = body.put(f"load {kind}, ptr {data[call.check]}")
        finite = body.put(f"fcmp ord {kind} {total}, {total}")
        answer = body.put(f"select i1 {finite}, i32 0, i32 2")
        status = body.put(f"select i1 {body.put(f'icmp eq i32 {status}, 0')}, i32 {answer}, i32 1")
    body.do(f"ret i32 {status}")
    entry = f"define i32 @{name}({', '.join(declared)}) #0 {{\n{body.text()}\n}}"
    return module_text([*tables, entry, _without_table(kernel)], kernel.declared, sets), scratch


def _contents(array: Any) -> tuple[bytes, int]:
    """Memory in which an array lies with its strides, and where in it; nothing else is in it."""
    ends = [(size - 1) * step for size, step in zip(array.shape, array.strides, strict=True)]
    start = -sum([end for end in ends if end < 0])
    memory = np.zeros(start + sum([end for end in ends if end > 0]) + array.itemsize, np.uint8)
    held = np.ndarray(array.shape, array.dtype, memory.data, start, array.strides)
    held[...] = array
    return memory.tobytes(), start


def _bytes(contents: bytes) -> str:
    return 'c"' + "".join([f"\\{byte:02X}" for byte in contents]) + '"'


def _without_table(kernel: Kernel) -> str:
    """The kernel, in which functions of other libraries are named instead of looked up."""
    text = re.sub(r"^@functions = .*\n", "", kernel.text)
    lines = []
    for place, (_, name) in enumerate(kernel.functions):
        loaded = re.escape(f"load ptr, ptr getelementptr (ptr, ptr @functions, i64 {place})")
        for variable in re.findall(rf"(%\w+) = {loaded}", text):
            called = re.search(rf"call void {variable}\((.*)\)", text)
            assert called is not None
            lines.append(f"declare void @{name}_({', '.join(['ptr'] * called[1].count('ptr '))})")
            text = re.sub(rf"  {variable} = {loaded}\n", "", text)
            text = text.replace(f"call void {variable}(", f"call void @{name}_(")
    return "\n".join([*dict.fromkeys(lines), text])
