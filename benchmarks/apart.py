"""Runs a module in a process of its own, for the record that it prints last, as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def record_of(module: str, *arguments: str, timeout: float, **environment: str) -> dict[str, Any]:
    """What it prints; or why there is nothing, as "late" or "stopped"."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONWARNINGS": "ignore", **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"late": f"more than {timeout:g} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        return {"stopped": f"stopped ({done.returncode}): {(done.stderr.strip().splitlines() or [''])[-1][:100]}"}
    found: dict[str, Any] = json.loads(lines[-1])
    return found
