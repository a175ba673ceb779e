"""What all tests share: reproducible random examples, and the tests that need another library skipped without it."""

from __future__ import annotations

import importlib.util
import os

import hypothesis
import pytest

# A slow machine is not a wrong result, so examples have no deadline. In continuous integration they are the same
# each time: a failure there can be repeated here.
hypothesis.settings.register_profile("default", deadline=None, max_examples=50)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.register_profile("deep", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked ``oracle`` where PyTorch is not installed, and say how to have it."""
    if importlib.util.find_spec("torch") is not None:
        return
    skip = pytest.mark.skip(reason="PyTorch is not installed: pip install -e '.[oracle]'")
    for item in items:
        if item.get_closest_marker("oracle"):
            item.add_marker(skip)
