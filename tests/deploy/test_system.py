"""What runs it on a machine of its own: systemd's unit and logrotate's file. Debian's packages `systemd` and `logrotate`."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.commands import run
from tests.conftest import ROOT
from tests.deploy.program import unknown
from tests.programs import needs
from tests.site.server import Site
from tests.waiting import until

from rgbir.footage.destination import PATIENCE_S
from rgbir.index import Gallery, SysuMM01
from rgbir.server import Settings
from rgbir.server.access.audit import entries
from rgbir.server.errors import BadSettings

UNIT = ROOT / "deploy/systemd/rgbir.service"
WATCH = ROOT / "deploy/systemd/rgbir-watch@.service"
LOGROTATE = ROOT / "deploy/logrotate/rgbir"
DEFAULTS = Settings("", Path())
MOST_EXPOSURE = 15
"""Tenths, by systemd's own measure; a service without any hardening has 96."""


@pytest.mark.parametrize(("source", "name"), [(UNIT, "rgbir.service"), (WATCH, "rgbir-watch@hall.service")])
def test_systemd_takes_the_unit_and_finds_it_hardened(tmp_path: Path, source: Path, name: str) -> None:
    needs("systemd-analyze", f"deploy/systemd/{source.name}")
    unit = tmp_path / name
    unit.write_text(source.read_text().replace("/opt/rgbir/bin/rgbir", sys.executable))
    for words in (["verify"], ["security", "--offline=true", f"--threshold={MOST_EXPOSURE}"]):
        done = subprocess.run(["systemd-analyze", *words, str(unit)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def test_the_unit_of_a_camera_says_what_the_program_knows() -> None:
    service = configparser.RawConfigParser(strict=False, interpolation=None)
    service.read_string(WATCH.read_text())
    words = service["Service"]["ExecStart"].split()
    done = run(*words[1:3], "rtsp://cam/live", *words[4:], "--gallery", "none", "--bundle", "none")
    assert words[3] == "${STREAM}"
    assert done.code != 0
    assert "none" in done.stderr  # only what isn't there is missing
    assert int(service["Service"]["TimeoutStopSec"]) > PATIENCE_S


def test_the_unit_says_what_the_program_knows() -> None:
    unit = configparser.RawConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read_string(UNIT.read_text())
    service = unit["Service"]
    environment = dict(word.split("=", 1) for word in service["Environment"].split())
    assert environment.pop("RGBIR_CONFIG") == "/etc/rgbir/rgbir.toml"
    assert list(unknown(environment, service["ExecStart"].split()[1:])) == []
    assert int(service["RestartPreventExitStatus"]) == BadSettings.exit_code
    assert int(service["TimeoutStopSec"]) > DEFAULTS.ending_s
    assert int(service["LimitNOFILE"]) > 2 * DEFAULTS.max_connections
    source = "".join(file.read_text() for file in (ROOT / "index").rglob("*.py"))
    assert ("ProcSubset" in service) is not ("/proc/uptime" in source)


@pytest.mark.slow
def test_logrotate_s_file_rotates_the_log_under_a_server(tmp_path: Path, gallery: Gallery, people: SysuMM01) -> None:
    needs("logrotate", "deploy/logrotate/rgbir")
    gallery.close()
    site = Site(tmp_path)
    image = next(people.records("test", (3,))).path.read_bytes()
    with site.server() as server:
        text = LOGROTATE.read_text().replace("/var/lib/rgbir/audit.jsonl", str(site.audit))
        text = re.sub(r"systemctl kill .*", f"kill -HUP {server.process.pid}", text)
        rules = tmp_path / "logrotate"
        rules.write_text(text)
        rules.chmod(0o644)
        for _ in range(2):
            assert server.search(image).status_code == 200
            command = ["logrotate", "--force", "--state", str(tmp_path / "state"), str(rules)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            until(lambda: server.search(image).status_code == 200, "the new log")
        server.stop()
    files = [site.audit.with_name("audit.jsonl.2"), site.audit.with_name("audit.jsonl.1"), site.audit]
    verified = subprocess.run(
        [sys.executable, "-c", "from rgbir.client.cli import main; main()", "audit", "verify", *map(str, files)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stdout + verified.stderr
    actions = [entry["action"] for entry in entries(files)]
    assert (actions.count("search"), actions.count("continued")) == (4, 2)
