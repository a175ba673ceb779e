"""The table at the end of a run: entries, samples, and how many of them are right, explained or wrong."""

from __future__ import annotations

from collections import Counter
from typing import Any

KINDS = ("right", "explained", "wrong", "clear error")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Gather what the tests recorded, from whichever process they ran in."""
    reports = [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]
    samples = [value for report in reports for name, value in report.user_properties if name == "sample"]
    if not samples:
        return
    kinds = Counter(kind for _, kind, _ in samples)
    terminalreporter.section("samples of PyTorch's database")
    terminalreporter.line(f"{len({name for name, _, _ in samples}):7} entries")
    terminalreporter.line(f"{len(samples):7} samples: value, gradient, forward, second order")
    for kind in KINDS:
        terminalreporter.line(f"{kinds[kind]:7} {kind} ({kinds[kind] / len(samples):.2%})")
    why = Counter(("; ".join(reasons)) for _, kind, reasons in samples if kind == "explained")
    for reason, count in why.most_common():
        names = sorted(
            {name for name, kind, reasons in samples if kind == "explained" and "; ".join(reasons) == reason}
        )
        terminalreporter.line(f"{count:7} {reason} ({', '.join(names)})")
