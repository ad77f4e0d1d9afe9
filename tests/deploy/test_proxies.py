"""The examples of reverse proxies, with real ones: TLS, a root path, large uploads. Debian's packages `nginx` and `caddy`."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest
from tests.conftest import ROOT
from tests.programs import needs
from tests.server.test_root_path import asked_by_the_script, links
from tests.site.certificates import Files, made
from tests.site.ports import free_port
from tests.site.server import Site
from tests.waiting import HANGS_AFTER_S, until

from rgbir.client import Client, ClientError, Unprocessable
from rgbir.index import Gallery, SysuMM01

pytestmark = pytest.mark.slow


def here(example: str, folder: Path, pair: Files, port: int, server: int) -> str:
    """An example with this test's addresses, ports and files; all else stays as it is."""
    text = (ROOT / "deploy/proxy" / example).read_text()
    turned = {
        "/etc/ssl/rgbir/cert.pem": str(pair.cert), "/etc/ssl/rgbir/key.pem": str(pair.key), "127.0.0.1:8077": f"127.0.0.1:{server}",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl", "https://rgbir.example:443": f"https://127.0.0.1:{port}",
    }  # fmt: skip
    for was, becomes in turned.items():
        text = text.replace(was, becomes)
    return text


@contextmanager
def running(name: str, folder: Path, pair: Files, server: int) -> Iterator[str]:
    """A proxy, and the address at which it shows the server."""
    needs(name, "its example in deploy/proxy")
    port = free_port()
    folder.mkdir()
    if name == "nginx":
        (folder / "site.conf").write_text(here("nginx.conf", folder, pair, port, server))
        kept = "".join(
            f"{what}_temp_path {folder}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            f"{user} daemon off; pid {folder}/pid; error_log stderr; events {{}}"
            f" http {{ access_log off; {kept} include {folder}/site.conf; }}"
        )
        command = ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    else:
        text = here("Caddyfile", folder, pair, port, server)
        (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{text}")
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env={**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        )
        try:
            trusted = ssl.create_default_context(cafile=pair.cert)

            def answers() -> bool:
                if process.poll() is not None:
                    log.seek(0)
                    pytest.fail(f"{name} ended: {log.read()}")
                try:
                    return httpx2.get(f"https://127.0.0.1:{port}/rgbir/health/ready", verify=trusted).status_code == 200
                except httpx2.TransportError:
                    return False

            until(answers, name)
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(HANGS_AFTER_S)


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_the_example_shows_page_and_api_below_its_path(
    name: str, tmp_path: Path, gallery: Gallery, people: SysuMM01
) -> None:
    gallery.close()
    image = next(people.records("test", (3,))).path
    samples = tmp_path / "samples"
    samples.mkdir()
    shutil.copyfile(image, samples / "3_one.jpg")
    pair = made(tmp_path / "pair")
    site = Site(tmp_path)
    with (
        site.server(root_path="/rgbir", trusted_proxy="127.0.0.1", host_name="127.0.0.1", samples=str(samples)) as server,
        running(name, tmp_path / "proxy", pair, server.port) as host,
        Client(f"{host}/rgbir", key=server.token, ca=pair.cert) as client,
        httpx2.Client(
            base_url=host, verify=ssl.create_default_context(cafile=pair.cert), timeout=HANGS_AFTER_S,
            headers={"Authorization": f"Bearer {server.token}"},
        ) as http,
    ):  # fmt: skip
        alone = http.get("/rgbir")
        assert (alone.status_code, urljoin(host, alone.headers["location"])) == (308, f"{host}/rgbir/")
        page = http.get("/rgbir/")
        assert page.status_code == 200
        for link in (*links(page.text), *asked_by_the_script()):
            address = urljoin(f"{host}/rgbir/", link.replace("${sample.name}", "3_one.jpg"))
            assert http.get(address).status_code == (405 if link == "search" else 200), address
        assert http.get("/gallery").status_code == 404  # nothing beside the path

        answer = client.search(image, camera="3")
        assert answer.hits
        for hit in answer.hits[:3]:
            assert hit.image_path is not None
            assert http.get(urljoin(host, hit.image_path)).headers["content-type"].startswith("image/")
        assert http.get("/rgbir/openapi.json").json()["servers"] == [{"url": "/rgbir"}]

        archive = tmp_path / "archive.zip"
        archive.write_bytes(os.urandom(40 << 20))  # more than a proxy's own limit, and than the server's for images
        with pytest.raises(Unprocessable, match="the archive is no ZIP file"):
            client.start_job(archive)
        with (
            Client(f"{host}/rgbir", ca=pair.cert, retries=0) as nobody,
            pytest.raises(ClientError, match=r"key|no answer"),
        ):
            nobody.start_job(archive)
