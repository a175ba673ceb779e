"""This machine's code: LLVM set up once, modules of assembly compiled to functions in memory, or found in the cache."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.native.cache import store
from chainrule.native.functions import POLYNOMIALS, VECTORS
from chainrule.native.libraries import llvm
from chainrule.native.numbers import Declarations
from chainrule.native.polynomials import far_name, far_of_numbers, far_of_vectors, near_name, symbol_of, written_out
from chainrule.native.text import METADATA

__all__ = ["Code", "module_text", "object_file", "triple", "vector_sets"]

_FUSED = "d"  # the instruction set with which a product and a sum are one instruction
_WIDTHS = {"double": ((2, "b"), (4, "d"), (8, "e")), "float": ((4, "b"), (8, "d"), (16, "e"))}
# Vectors that are put aside around a call lie on lines of the cache, wherever the stack of the caller stands.
_PLAIN = 'nounwind "prefer-vector-width"="512" "stackrealign"'
_AT_ONCE = "nounwind noinline optnone"  # of calls: to make them faster takes LLVM longer than they do
_PURE = "nounwind willreturn memory(none)"
_SHORT = 'nounwind "prefer-vector-width"="512"'  # of functions that take less time than it takes to align the stack
_ATTRIBUTES = _PLAIN, _PURE, _AT_ONCE, _SHORT


@cache
def _host() -> tuple[Any, str, str]:
    """The target, the processor and its features, with LLVM ready for them."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name = _vector_library()
    if name:
        llvm.load_library_permanently(name)
    processor, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    if processor.startswith("znver") and llvm.llvm_version_info[0] >= 20:  # they do these one by one, and slowly
        features += ",+prefer-no-gather,+prefer-no-scatter"
    return llvm.Target.from_default_triple(), processor, features


def _machine() -> Any:
    """What code is made for; each engine takes one over."""
    target, processor, features = _host()
    return target.create_target_machine(cpu=processor, features=features, opt=3, codemodel="jitdefault", jit=True)


@cache
def _vector_library() -> str | None:
    """The library of functions of vectors that this platform has, if any."""
    name = "libmvec.so.1"
    try:
        ctypes.CDLL(name)
    except OSError:
        return None
    return name


@cache
def vector_sets() -> str:
    """Letters for the instruction sets of this machine that the vector library has functions for."""
    features = llvm.get_host_cpu_features()
    letters = {"b": "sse2", "d": "avx2", "e": "avx512f"}
    return "".join([letter for letter, feature in letters.items() if features.get(feature)])


@cache
def _has(symbol: str) -> bool:
    name = _vector_library()
    return bool(name) and hasattr(ctypes.CDLL(name), symbol)


def _vectors(name: str, kind: str, sets: str) -> list[tuple[int, str]]:
    """The functions of the vector library that do the same: for how many numbers at once, and their names."""
    ending = f"{'v' * VECTORS[name]}_{symbol_of(name, kind)}"
    found = [(lanes, f"_ZGV{isa}N{lanes}{ending}") for lanes, isa in _WIDTHS[kind] if isa in sets]
    return [(lanes, symbol) for lanes, symbol in found if _has(symbol)]


def _of_library(name: str, kind: str, sets: str) -> tuple[str, list[str]]:
    """What LLVM is told of a function's vector forms, and their declarations."""
    mappings, lines = [], []
    arguments = VECTORS[name]
    for lanes, symbol in _vectors(name, kind, sets):
        mappings.append(f"_ZGV_LLVM_N{lanes}{'v' * arguments}_{symbol_of(name, kind)}({symbol})")
        vector = f"<{lanes} x {kind}>"
        lines.append(f"declare {vector} @{symbol}({', '.join([vector] * arguments)}) #1")
    return ",".join(mappings), lines


def _of_own(name: str, kind: str, sets: str) -> tuple[str, list[str]]:
    """The same of what a polynomial is not for, with the definitions."""
    mappings, lines = [], [far_of_numbers(name, kind, POLYNOMIALS[name])]
    far = far_name(name, kind)
    for lanes, symbol in _vectors(name, kind, sets):
        mappings.append(f"_ZGV_LLVM_N{lanes}v_{far}({far}.{lanes})")
        lines += far_of_vectors(name, kind, POLYNOMIALS[name], lanes, symbol)
    return ",".join(mappings), lines


def module_text(functions: Iterable[str], declared: Declarations, sets: str | None = None) -> str:
    """A whole module: the functions, the declarations, the vector forms of the C library's functions.

    ``sets`` are the letters of the instruction sets that may be used for those; None: all that this machine has.
    """
    sets = vector_sets() if sets is None else sets
    text, own, library = "\n".join(functions), sorted(declared.written_out), declared.library
    if _FUSED not in sets or _vector_library() is None:
        for name, kind in own:
            text = text.replace(f"@{near_name(name, kind)}(", f"@{symbol_of(name, kind)}(")
        own, library = [], library | declared.written_out
    text = "\n".join([text, *[written_out(name, kind, POLYNOMIALS[name]) for name, kind in own]])
    forms = {symbol_of(name, kind): _of_library(name, kind, sets) for name, kind in sorted(library)}
    forms |= {far_name(name, kind): _of_own(name, kind, sets) for name, kind in own}
    lines, used = list(declared.lines.values()), list[str]()
    attributes = [f"attributes #{k} = {{ {words} }}" for k, words in enumerate(_ATTRIBUTES)]
    for number, (symbol, (mapping, more)) in enumerate(forms.items(), len(_ATTRIBUTES)):
        if mapping:
            text = re.sub(rf"(call \w+ @{re.escape(symbol)}\(.*)", rf"\1 #{number}", text)
            attributes.append(f'attributes #{number} = {{ {_PURE} "vector-function-abi-variant"="{mapping}" }}')
            lines += more
            used += re.findall(r"\((.*?)\)", mapping)
    if used:  # so that they are still there when loops become vectors
        pointers = ", ".join([f"ptr @{symbol}" for symbol in used])
        lines.append(
            f'@llvm.compiler.used = appending global [{len(used)} x ptr] [{pointers}], section "llvm.metadata"'
        )
    numbers = max([lanes for lanes, isa in _WIDTHS["double"] if isa in sets], default=2)
    return "\n".join([*dict.fromkeys(lines), text, *attributes, METADATA.replace("NUMBERS", str(numbers))])


_SPEED = 3  # how hard LLVM tries, of 3


def _optimised(text: str, machine: Any) -> Any:
    """A module as LLVM improves it.

    Numbers of straight code are not joined into vectors: where that is long, LLVM (22.1) mixes up what comes before
    what, so that results are wrong, or code generation ends the process. Loops become vectors.
    """
    module = llvm.parse_assembly(text)
    options = llvm.create_pipeline_tuning_options(speed_level=_SPEED)
    options.loop_vectorization = True
    options.slp_vectorization = False
    options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    module.verify()  # code generation ends the process if it is given something else
    after = llvm.create_new_module_pass_manager()  # what loops of vectors call now
    after.add_always_inliner_pass()
    after.run(module, builder)
    return module


@cache
def _circumstances() -> bytes:
    """All that object code depends on besides its assembly; this file stands for its own version."""
    target, processor, features = _host()
    versions = [sys.version, np.__version__, sys.modules["llvmlite"].__version__, repr(llvm.llvm_version_info)]
    with suppress(OSError):
        versions.append(Path(__file__).read_text(encoding="utf-8", errors="replace"))
    return "\0".join([target.triple, processor, features, *versions]).encode()


def _object_code(text: str) -> bytes:
    """What a module is compiled to, unless that is kept from before."""
    name = blake2b(text.encode(), digest_size=32, key=blake2b(_circumstances()).digest()).hexdigest()
    found = store().read(name)
    if found is None:
        machine = _machine()
        found = machine.emit_object(_optimised(text, machine))
        store().write(name, found)
    return found


def object_file(text: str, processor: str | None) -> bytes:
    """A module as an object file for a processor; None: for this one."""
    target, here, features = _host()
    if processor is not None:
        here, features = processor, ""
    machine = target.create_target_machine(cpu=here, features=features, opt=3, reloc="pic", codemodel="default")
    code: bytes = machine.emit_object(_optimised(text, machine))
    return code


def triple() -> str:
    """The platform that code is made for, as LLVM names it."""
    return str(_host()[0].triple)


class Code:
    """Machine code in memory: it lives as long as this object."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.held: Any = None  # what it points to, if nobody else has it
        code = llvm.ObjectFileRef.from_data(_object_code(text))
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
        self.engine.add_object_file(code)
        self.engine.finalize_object()

    @property
    def is_running(self) -> bool:
        """Whether a call is in it that lets Python go on meanwhile."""
        return bool(ctypes.c_int64.from_address(self.address("running")).value)

    @property
    def optimised(self) -> str:
        """The assembly as LLVM rewrites it, to be read."""
        return str(_optimised(self.text, _machine()))

    def address(self, name: str) -> int:
        """Where a function begins."""
        return int(self.engine.get_function_address(name))

    def fill(self, name: str, words: Sequence[int]) -> None:
        """Put words of 64 bits into a table."""
        table = (ctypes.c_int64 * len(words)).from_address(self.address(name))
        table[:] = [*words]
