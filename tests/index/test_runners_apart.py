"""What loads OpenVINO, in a process of its own: see `conftest.py`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.conftest import ROOT

TESTS = (
    "tests/index/test_runners.py",
    "tests/server/test_server.py::test_a_server_computes_by_the_runner_that_it_was_started_with",
    "tests/export/test_precision.py::test_an_int8_bundle_runs_in_openvino_as_it_is",
)


@pytest.mark.slow
def test_runners_compute_what_they_should() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-n", "0", *TESTS],
        cwd=ROOT,
        env={**os.environ, "TESTS_OF_RUNNERS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )

    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
