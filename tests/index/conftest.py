"""Which tests of this room are collected."""

from __future__ import annotations

import os

# OpenVINO and a signal's handler in one process with torch end it; a server never has both. So these have a process of their own.
collect_ignore = [] if os.environ.get("TESTS_OF_RUNNERS") else ["test_runners.py"]
