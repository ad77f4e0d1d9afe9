"""The compose file and what it mounts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
import yaml
from tests.conftest import ROOT
from tests.deploy.program import unknown

COMPOSE = next((words for words in (["docker", "compose"], ["docker-compose"]) if shutil.which(words[0])
                and subprocess.run([*words, "version"], capture_output=True).returncode == 0), None)  # fmt: skip


@pytest.mark.skipif(COMPOSE is None, reason="needs docker compose, or Debian's docker-compose")
@pytest.mark.parametrize("profile", ["cpu", "gpu", "monitoring", "milvus"])
def test_every_profile_is_accepted(profile: str) -> None:
    assert COMPOSE is not None
    done = subprocess.run([*COMPOSE, "--profile", profile, "config"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_it_mounts_is_there() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    mounted = re.findall(r"(\./deploy[^:\"]*):", compose)
    assert mounted
    assert all((ROOT / path).exists() for path in mounted), mounted
    assert json.loads((ROOT / "deploy/grafana/rgbir.json").read_text())["uid"] == "rgbir"


def test_images_of_others_are_named_by_digest_in_one_file() -> None:
    pinned = yaml.safe_load((ROOT / "deploy/images.yaml").read_text())["services"]
    base = pinned.pop("base")["build"]["args"]["BASE"]
    images = [base, *(service["image"] for service in pinned.values())]
    assert all(re.fullmatch(r"[a-z/]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}", image) for image in images), images
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    extended = {service.get("extends", {}).get("service") for service in services.values()}
    assert extended == {"base", *pinned}
    for name, service in services.items():
        ours = service.get("image", "").startswith("rgbir:")
        assert service["extends"]["file"] == "deploy/images.yaml"
        assert ours == ("image" in service) == (service["extends"]["service"] == "base"), name
    assert f"ARG BASE={base.partition('@')[0]}\n" in (ROOT / "Dockerfile").read_text()
    others = re.findall(r"^\s*(?:-\s*)?image: *(?!rgbir:)(\S+)", "\n".join(
        path.read_text() for path in sorted((ROOT / "deploy/kubernetes").rglob("*.yaml"))), re.MULTILINE)  # fmt: skip
    assert not others


def test_every_variable_of_the_servers_exists() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    servers = [service for service in services.values() if service.get("image", "").startswith("rgbir:")]
    assert len(servers) == 4
    for service in servers:
        # the file's own ${NAME:-default} is taken as its default
        given = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in service["environment"].items()}
        assert list(unknown(given)) == []


def test_the_build_gets_the_parts_that_serve_and_no_others() -> None:
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    files = {name for line in copied for name in line.split()}
    assert files == {
        "pyproject.toml",
        "constraints.txt",
        "README.md",
        "LICENSE",
        "client",
        "index",
        "footage",
        "server",
    }
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == files
