"""The image, built by its own Dockerfile without an engine: buildah's chroot isolation on a debootstrapped base.

Then what it says is done (the GPU image's on the processor, where there is no GPU): started as its user on a read-only root, a gallery is indexed and searched in it. Needs root, buildah,
debootstrap and a way to Debian and PyPI: `apt install buildah debootstrap`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BUNDLE, ROOT

from rgbir.client import Client
from rgbir.index import SysuMM01

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not (shutil.which("buildah") and shutil.which("debootstrap")),
        reason="needs root, buildah and debootstrap",
    ),
]
BASE = Path(os.environ.get("TEST_BASE", "/var/tmp/rgbir-test-base"))
"""A Debian root that later runs use again."""


def run(*command: str | Path, **more: Any) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    assert done.returncode == 0, (command, done.stdout[-3000:], done.stderr[-3000:])
    return str(done.stdout)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    folder = tmp_path_factory.mktemp("containers")
    yield ["--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", params=["cpu", "footage", "gpu"])
def root(request: pytest.FixtureRequest, storage: list[str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The image's files, and its configuration."""
    if not (BASE / "complete").exists():
        shutil.rmtree(BASE, ignore_errors=True)
        run("debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates", "bookworm", BASE)
        (BASE / "complete").touch()
    buildah = ["buildah", *storage]
    made = run(*buildah, "from", "scratch").strip()
    run(*buildah, "copy", "-q", made, BASE, "/")
    run(*buildah, "commit", "-q", "--rm", made, "localhost/base")
    extra = []
    for name in ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf"):  # a machine's own way to PyPI, if it has one
        if Path(name).exists():
            extra += ["--volume", f"{name}:{name}:ro"]
    for host in filter(None, os.environ.get("TEST_BUILD_VOLUMES", "").split(",")):
        extra += ["--volume", f"{host}:{host}:ro"]
    options = [
        "--isolation",
        "chroot",
        "--network",
        "host",
        "--build-arg",
        "BASE=localhost/base",
        "--target",
        request.param,
    ]
    run(*buildah, "build", *options, *extra, "--format", "docker", "--tag", f"localhost/rgbir:{request.param}", ROOT)
    image = json.loads(run(*buildah, "inspect", "--type", "image", f"localhost/rgbir:{request.param}"))
    container = run(*buildah, "from", f"localhost/rgbir:{request.param}").strip()
    yield Path(run(*buildah, "mount", container).strip()), image["Docker"]["config"]
    run(*buildah, "umount", container)
    run(*buildah, "rm", "--all")


@contextmanager
def started(
    root: tuple[Path, dict[str, Any]], data: Path, bundle: Path, photos: Path, *command: str
) -> Iterator[subprocess.Popen[str]]:
    """The entry point with that command, as an engine would start it: the image's user, environment and folder, a read-only root."""
    files, config = root
    place = data.parent / "root"
    place.mkdir(exist_ok=True)
    (files / "bundle").mkdir(exist_ok=True)
    (files / "photos").mkdir(exist_ok=True)
    environment = " ".join(f"'{variable}'" for variable in config["Env"])
    entry = " ".join(map(str, config["Entrypoint"]))
    words = " ".join(command or config["Cmd"])
    script = f"""
        mount --bind {files} {place} && mount -o remount,ro,bind {place}
        mount --bind {data} {place}/data && mount --bind {bundle} {place}/bundle && mount --bind {photos} {place}/photos
        mount -o remount,ro,bind {place}/bundle && mount -o remount,ro,bind {place}/photos
        mount -t tmpfs tmpfs {place}/tmp && mount -t proc proc {place}/proc && mount --rbind /dev {place}/dev
        exec chroot --userspec={config["User"]} {place} /usr/bin/env -i -C {config["WorkingDir"]} {environment} {entry} {words}
    """
    process = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(_youngest(process.pid, 1), signal.SIGKILL)  # the first of its namespace; all others go with it
        process.communicate()


def test_the_image_indexes_and_searches_as_its_user_on_a_read_only_root(
    root: tuple[Path, dict[str, Any]], tmp_path: Path, people: SysuMM01
) -> None:
    files, config = root
    data = tmp_path / "data"
    (data / "tmp").mkdir(parents=True)
    for folder in (data, data / "tmp"):
        os.chown(folder, 10001, 10001)
    for folder in (tmp_path, *tmp_path.parents[:2], people.root, *people.root.parents[:2]):
        folder.chmod(0o755)

    def once(*command: str) -> str:
        with started(root, data, BUNDLE, people.root, *command) as process:
            out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out
        return str(out)

    assert config["User"] == "10001:10001"
    assert "ONNX Runtime" in once("--version")
    assert "data" in once("config", "serve")
    token = once("keys", "add", "operator", "--role", "admin", "-q").strip()
    assert "added" in once("index", "add", "/photos", "--layout", "sysu")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        started(root, data, BUNDLE, people.root, "serve", "--port", str(port)) as server,
        Client(f"http://127.0.0.1:{port}", key=token) as client,
    ):
        for _ in range(300):
            if client.ready():
                break
            time.sleep(0.1)
        health = config["Healthcheck"]["Test"]
        assert health[:4] == ["CMD", "rgbir", "ready", "--url"]
        assert "ready" in once("ready", "--url", f"http://127.0.0.1:{port}")
        answer = client.search(next(people.records("test", (3,))).path, camera="3", purpose="test")
        (uid,) = {
            line.split()[1]
            for line in Path(f"/proc/{_youngest(server.pid)}/status").read_text().splitlines()
            if line.startswith("Uid")
        }
        assert len(answer.hits) == 10
        assert uid == "10001"
        assert client.enrol(next(people.records("train", (1,))).path, camera="1")[0].status == "added"
        assert [entry["action"] for entry in client.audit()] == ["search", "enrol"]
    with started(root, data, BUNDLE, people.root, "index", "verify") as process:
        out, _ = process.communicate(timeout=60)
    assert "checksums hold" in out, out

    installed = json.loads((files / "opt/rgbir/sbom.json").read_text())
    names = {component["name"].lower() for component in installed["components"]}
    assert "fastapi" in names
    assert {"onnxruntime", "faiss-cpu"} <= names or {"onnxruntime-gpu", "faiss-gpu-cuvs"} <= names
    assert not names & {"torch", "onnx", "pytest", "pip"}
    packages = next((files / "opt/rgbir/lib").glob("python3*/site-packages/rgbir"))
    assert sorted(package.name for package in packages.iterdir()) == ["client", "footage", "index", "server"]
    sizes = {name: int(run("du", "-sm", files / name).split()[0]) for name in ("", "opt/rgbir")}
    print(f"\nimage {sizes['']} MB, of it rgbir and its packages {sizes['opt/rgbir']} MB")


def _youngest(pid: int, generations: int = 9) -> int:
    """The last in the line of children."""
    while (generations := generations - 1) >= 0 and (
        children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ):
        pid = int(children[-1])
    return pid
