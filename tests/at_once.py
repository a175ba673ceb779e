"""Several threads of Python that do something at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

__all__ = ["at_once"]


def at_once(count: int, work: Callable[[int], None]) -> None:
    """Run something in several threads, each with a number, which are let in as often as can be."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
