"""What is set before anything is tested: object code is neither read from the user's cache nor put there."""

from __future__ import annotations

import os

os.environ["CHAINRULE_CACHE"] = "off"
