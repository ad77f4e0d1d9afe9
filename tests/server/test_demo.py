"""What the demonstration says to type works in the shell that it was started from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("path", "typed"), [("/usr/bin:/bin", "place/rgbir"), ("{here}/place:/usr/bin:/bin", "rgbir")])
def test_the_program_is_named_as_the_shell_finds_it(path: str, typed: str, tmp_path: Path) -> None:
    program = tmp_path / "place" / "rgbir"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom rgbir.server.cli.demo import program\nprint(program())\n")
    program.chmod(0o755)

    done = subprocess.run(
        ["sh", "-c", typed], cwd=tmp_path, env={**os.environ, "PATH": path.format(here=tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout == f"{typed}\n"
