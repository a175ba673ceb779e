"""What the process for a notebook does: run its cells, each interrupted when it takes too long, and tell of them."""

from __future__ import annotations

import _thread
import builtins
import contextlib
import os
import random
import signal
import sys
import threading
import time
import traceback
import types
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import torch as facade
from chainrule.check.notebook.claims import Watcher
from chainrule.check.rewriting.shadowing import Shadows, hook_shadows
from chainrule.check.rewriting.site import HOOK
from chainrule.check.rewriting.source import instrument
from chainrule.check.watching.backend import Backend
from chainrule.cli.cells import Outcome, run_cell
from chainrule.cli.hints import Degree
from chainrule.cli.later import page_of
from chainrule.cli.notebook import Cell
from chainrule.cli.process import cut_off
from chainrule.cli.standin import StandIn
from chainrule.errors import CellTimeoutError, ChainruleError
from chainrule.interop.pytorch import PyTorch

__all__ = ["Task", "work"]


@dataclass(frozen=True)
class Task:
    """What the process is told: the cells, the folder that they run in, and how."""

    cells: tuple[Cell, ...]
    folder: Path
    torch: str = "chainrule"
    timeout: float | None = None
    seed: int = 0
    title: str = ""  # of the report page; no page is made without
    degree: Degree = Degree.ALL  # how much the page tells
    shadows: Shadows | None = None  # for code that differentiates plain arrays by hand


class _Interrupted(KeyboardInterrupt):
    """A cell took too long. A KeyboardInterrupt, so that `except Exception` in the cell does not stop it."""


def work(connection: Connection, task: Task) -> None:
    """Run the notebook and tell the other end of the connection, message by message.

    The messages are ``("begin", cell)``, ``("end", cell, outcome)``, ``("findings", findings)``,
    ``("problems", texts)``, ``("page", html)`` if there is to be one, ``("failed", message)`` when nothing could be
    run, and at last ``("done",)``.
    """
    cut_off()
    try:
        _run(connection, task)
        connection.send(("done",))
    except (BrokenPipeError, EOFError):
        pass  # nobody listens any more
    except ChainruleError as problem:
        connection.send(("failed", str(problem)))
    except BaseException as problem:
        connection.send(("failed", f"the check itself failed, which is a fault in it: {_said(problem)}"))
    finally:
        connection.close()
        os._exit(0)  # threads that the notebook has left behind must not keep the process alive


def _run(connection: Connection, task: Task) -> None:
    watcher = Watcher(_backends(task), task.shadows)
    watcher.scene.keeps_all = bool(task.title)
    namespace = _namespace()
    clock = _Clock(task.timeout)
    os.chdir(task.folder)
    sys.path[0:0] = [str(task.folder)]
    sys.argv = [""]
    _seed(watcher.backends, task.seed)
    setattr(builtins, HOOK, watcher)
    with watcher.watching():
        for cell in task.cells:
            connection.send(("begin", cell.number))
            connection.send(("end", cell.number, _run_cell(cell, watcher, namespace, clock)))
            watcher.leave(namespace)  # which is not the cell's time
            connection.send(("findings", watcher.findings))
        watcher.finish()
        if task.title:
            connection.send(("page", page_of(watcher, task.title, task.degree)))
    connection.send(("findings", watcher.findings))
    connection.send(("problems", watcher.problems))


def _run_cell(cell: Cell, watcher: Watcher, namespace: dict[str, Any], clock: _Clock) -> Outcome:
    shadows = watcher.scene.shadows

    def prepare(tree: Any) -> Any:
        if shadows is not None:
            hook_shadows(tree, shadows)
        instrumented = instrument(tree, watcher.sites)
        watcher.enter(cell.number)
        return instrumented

    start = time.perf_counter()
    try:
        with clock.running():
            outcome = run_cell(cell.number, cell.source, namespace, prepare, stop=(_Interrupted,))
    except _Interrupted:
        told = CellTimeoutError(f"the cell did not end within {clock.seconds:g} seconds; --timeout allows more")
        outcome = Outcome(errors=[(1, str(told))], stopped=True, seconds=time.perf_counter() - start)
    return outcome


def _said(problem: BaseException) -> str:
    return "".join(traceback.format_exception(problem)).strip()


class _Clock:
    """Interrupts the main thread when a cell has had its time; more than that only the parent process can do."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.expired = False
        signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        if self.expired:
            self.expired = False
            raise _Interrupted

    def _expire(self) -> None:
        self.expired = True
        _thread.interrupt_main()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Time what happens inside."""
        if self.seconds is None:
            yield
            return
        timer = threading.Timer(self.seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self.expired = False


def _backends(task: Task) -> list[Backend]:
    if task.torch == "torch":
        return [StandIn(), PyTorch()]
    facade.install()
    return [StandIn()]


def _namespace() -> dict[str, Any]:
    """A clean `__main__`, with the few names that Jupyter has too."""
    module = types.ModuleType("__main__", "Automatically created module for a notebook.")
    sys.modules["__main__"] = module
    module.__dict__["display"] = _display
    return module.__dict__


def _display(*values: Any, **_: Any) -> None:
    for value in values:
        print(repr(value))  # noqa: T201 - what Jupyter's display does in text


def _seed(backends: tuple[Backend, ...], seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - for notebooks that use NumPy's global generator
    for backend in backends:
        backend.seed(seed)
