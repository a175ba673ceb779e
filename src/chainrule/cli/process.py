"""Runs code that is not ours in a process of its own: started quickly, cut off from the terminal, ended for certain."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

__all__ = ["GRACE", "cut_off", "running"]

GRACE = 2.0  # seconds between asking a process to stop and ending it


@contextmanager
def running(work: Callable[[Connection, Any], None], task: Any) -> Iterator[tuple[Connection, BaseProcess]]:
    """A process that does ``work(connection, task)``, and our end of the connection; it is ended at the latest here."""
    context: Any = multiprocessing.get_context("fork" if _may_fork() else "spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(theirs, task))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's libraries have threads, but can be forked
        process.start()
    theirs.close()
    try:
        yield ours, process
    finally:
        _end(process)
        ours.close()


def _may_fork() -> bool:
    """Whether a copy of this process will do, which saves the second that importing everything takes.

    Not where forking is unsafe, not where other threads of ours run, and not where the other code would find a PyTorch
    that is imported already.
    """
    return sys.platform == "linux" and threading.active_count() == 1 and "torch" not in sys.modules


def _end(process: BaseProcess) -> None:
    """End the process and whatever it has started."""
    if hasattr(os, "killpg") and process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, signal.SIGKILL)
    if process.is_alive():
        process.kill()
    process.join(GRACE)


def cut_off() -> None:
    """In the process: no input, no output past ours, no windows, no Ctrl-C, no other's filters of warnings.

    And an end when the process that started this one has ended.
    """
    if hasattr(os, "setsid"):
        with contextlib.suppress(OSError):
            os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.environ["MPLBACKEND"] = "Agg"
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - for as long as the process lives
    warnings.resetwarnings()
    warnings.simplefilter("default")
    parent = os.getppid()

    def follow() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
