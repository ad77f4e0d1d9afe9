"""Which tests of this room are collected."""

from __future__ import annotations

import os

# Later tests, which send themselves signals, ended a process that had computed with OpenVINO (docs/decisions/0023-a-second-runner.md).
collect_ignore = [] if os.environ.get("TESTS_OF_RUNNERS") else ["test_runners.py"]
