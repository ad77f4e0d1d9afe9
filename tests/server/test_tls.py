"""HTTPS by the server itself: versions, a certificate that is renewed, files that are no pair, and peers that never shake hands."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import BUNDLE
from tests.site.certificates import Files, authority, made, openssl, serial
from tests.site.events import EVENTS
from tests.site.server import Server, Site
from tests.waiting import HANGS_AFTER_S, until

from rgbir.client import AsyncClient, Client, ConnectionFailed, Untrusted
from rgbir.index import CameraNetwork, Encoder, Gallery
from rgbir.server import Settings
from rgbir.server.errors import BadSettings
from rgbir.server.http.certificate import Certificate


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Server]:
    """One that waits no more than a second for a peer."""
    root = tmp_path_factory.mktemp("tls")
    Gallery.open_or_create(root / "gallery", encoder.card, CameraNetwork.read("sysu-mm01")).close()
    cert, key = made(root / "pair", authority(root / "authority"))
    with Site(root).server(tls_cert=cert, tls_key=key, slowest_s=1, max_connections=8) as started:
        yield started


@pytest.fixture
def files(server: Server) -> Iterator[Files]:
    """What the server is served with, to be spoilt; afterwards a new pair is there and in use."""
    folder = server.site.root / "pair"
    yield Files(folder / "cert.pem", folder / "key.pem")
    shutil.rmtree(folder)
    new = made(folder, ours(server))
    server.rotated()
    until(lambda: shown(server) == serial(new.cert), "the next test's certificate")


def ours(server: Server) -> Files:
    """The authority of the site."""
    return Files(server.site.ca, server.site.ca.with_name("key.pem"))


def hands(port: int, **versions: ssl.TLSVersion) -> ssl.SSLSocket:
    """A connection that trusts everybody, and would speak old versions."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    for name, version in versions.items():
        setattr(context, name, version)
    raw = socket.create_connection(("127.0.0.1", port), timeout=HANGS_AFTER_S)
    try:
        return context.wrap_socket(raw)
    except BaseException:
        raw.close()
        raise


def shown(server: Server) -> str:
    """The number of the certificate that a new connection sees."""
    with hands(server.port) as connection:
        content = connection.getpeercert(binary_form=True)
    assert content is not None
    return serial(ssl.DER_cert_to_PEM_cert(content))


def measured(server: Server, name: str) -> float:
    lines = server.http.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.slow
def test_tls_is_spoken_from_version_1_2_on(server: Server) -> None:
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises(ssl.SSLError, match=r"PROTOCOL_VERSION|EOF occurred"):
            hands(server.port, minimum_version=version, maximum_version=version)
    used = Certificate(server.site.root / "pair/cert.pem", server.site.root / "pair/key.pem").pair.context
    assert used.minimum_version is ssl.TLSVersion.TLSv1_2  # whatever OpenSSL's own configuration says
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with hands(server.port, minimum_version=version, maximum_version=version) as connection:
            assert connection.version() == name
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        plain.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 200" not in plain.recv(100)
    assert server.printed().count("https://127.0.0.1:") == 1


def by_rename(server: Server, new: Files, place: Files) -> None:
    for source, target in zip(new, place, strict=True):
        source.replace(target)


def by_copy(server: Server, new: Files, place: Files) -> None:
    for source, target in zip(new, place, strict=True):
        target.write_bytes(source.read_bytes())


def by_pieces(server: Server, new: Files, place: Files) -> None:
    """As a slow copy, while the server looks: first at half a certificate, then at one without its key, then at half a key."""
    for source, target in zip(new, place, strict=True):
        content = source.read_bytes()
        with target.open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            server.rotated()
            until(lambda: measured(server, "rgbir_tls_certificate_refused") == 1, "the refusal")
            file.write(content[len(content) // 2 :])


@pytest.mark.parametrize("renew", [by_rename, pytest.param(by_copy, marks=pytest.mark.slow), by_pieces])
@pytest.mark.slow
def test_a_renewed_certificate_is_taken_while_no_request_fails(
    server: Server, files: Files, tmp_path: Path, renew: Callable[[Server, Files, Files], None]
) -> None:
    new = made(tmp_path / "new", ours(server))
    old, wanted = shown(server), serial(new.cert)
    seen, failed, ended = set[str](), list[BaseException](), threading.Event()
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(server.site.ca)

    def ask() -> None:
        while not ended.is_set():
            try:
                with (
                    socket.create_connection(("127.0.0.1", server.port), HANGS_AFTER_S) as raw,
                    trusting.wrap_socket(raw, server_hostname="127.0.0.1") as connection,
                ):
                    connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    assert connection.recv(15) == b"HTTP/1.1 200 OK"
                    seen.add(ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b""))
            except BaseException as error:
                failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        until(lambda: bool(seen), "an answer")
        renew(server, new, files)
        until(lambda: shown(server) == wanted, "the new certificate")
    finally:
        ended.set()
        asking.join()
    assert not failed
    assert {serial(certificate) for certificate in seen} <= {old, wanted}
    assert server.http.get("/health/ready").status_code == 200  # the connection from before goes on


QUICK = [("deleted", "cert"), ("half", "cert"), ("another pair's", "key"), ("open to others", "key")]
SLOW = [("emptied", "cert"), ("another pair's", "cert"), ("deleted", "key"), ("emptied", "key"), ("half", "key")]


@pytest.mark.parametrize(("event", "which"), [*QUICK, *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW)])
@pytest.mark.slow
def test_what_is_no_pair_leaves_the_one_in_use(
    server: Server, files: Files, tmp_path: Path, event: str, which: str
) -> None:
    before, place = shown(server), getattr(files, which)
    if event in EVENTS:
        EVENTS[event](place)
    elif event == "half":
        os.truncate(place, place.stat().st_size // 2)
    elif event == "open to others":
        place.chmod(0o644)
    else:
        shutil.copyfile(getattr(made(tmp_path / "other"), which), place)
    server.rotated()
    until(lambda: measured(server, "rgbir_tls_certificate_refused") == 1, "the refusal")
    assert shown(server) == before
    assert "connections go on with the certificate before" in server.printed()
    assert server.ready()[0] == 200


@pytest.mark.slow
def test_sighup_takes_it_at_once_and_a_mounted_secret_s_link_is_followed(
    server: Server, files: Files, tmp_path: Path
) -> None:
    folder = files.cert.parent
    for name in ("first", "second"):
        made(folder / name, ours(server))
    for file in files:
        file.unlink()
    (folder / "..data").symlink_to("first")
    for file in files:
        file.symlink_to(f"..data/{file.name}")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: shown(server) == serial(folder / "first/cert.pem"), "the first")
    (folder / "..new").symlink_to("second")
    (folder / "..new").rename(folder / "..data")
    until(lambda: shown(server) == serial(folder / "second/cert.pem"), "the second")
    assert measured(server, "rgbir_tls_certificate_refused") == 0


def test_the_end_of_the_certificate_is_measured_and_as_openssl_reads_it(server: Server, tmp_path: Path) -> None:
    for folder, days in (("soon", 3), ("late", 20_000)):  # written in another form from 2050 on
        files = made(tmp_path / folder, days=days)
        end = openssl("x509", "-noout", "-enddate", "-in", str(files.cert)).removeprefix("notAfter=")
        expected = datetime.strptime(end, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC).timestamp()
        assert Certificate(*files).pair.expires_at == expected
    used = Certificate(server.site.root / "pair/cert.pem", server.site.root / "pair/key.pem")
    assert measured(server, "rgbir_tls_certificate_expires_timestamp_seconds") == used.pair.expires_at


@pytest.mark.slow
def test_who_never_shakes_hands_is_let_go_counts_and_is_counted(server: Server) -> None:
    until(lambda: len(sockets(server)) <= 1, "the others' end")  # ours is kept open
    before = measured(server, 'rgbir_connections_closed_total{reason="no handshake"}')
    many = measured(server, 'rgbir_connections_closed_total{reason="too many"}')
    # asyncio itself would wait for a minute
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=45) for _ in range(7)]
    with pytest.raises((ssl.SSLError, OSError)):
        hands(server.port)
    for connection in silent:
        with suppress(ConnectionResetError):
            assert connection.recv(100) == b""
        connection.close()
    with socket.create_connection(("127.0.0.1", server.port)) as rubbish:
        rubbish.sendall(b"\0" * 100)
        until(lambda: measured(server, 'rgbir_connections_closed_total{reason="no handshake"}') == before + 8)
    assert measured(server, 'rgbir_connections_closed_total{reason="too many"}') > many
    until(lambda: len(sockets(server)) <= 1, "the sockets' end")


def sockets(server: Server) -> list[str]:
    """Of connections; the server's end of each."""
    rows = [line.split() for line in Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]]
    return [row[9] for row in rows if row[1].endswith(f":{server.port:04X}") and row[3] in ("01", "08")]


@pytest.mark.slow
def test_sigterm_ends_it_whoever_shakes_hands_or_is_connected(tmp_path: Path, encoder: Encoder) -> None:
    Gallery.open_or_create(tmp_path / "gallery", encoder.card, CameraNetwork.read("sysu-mm01")).close()
    cert, key = made(tmp_path / "pair", authority(tmp_path / "authority"))
    with (
        Site(tmp_path).server(tls_cert=cert, tls_key=key, slowest_s=60, ending_s=2) as server,
        socket.create_connection(("127.0.0.1", server.port)),
        hands(server.port) as connected,
    ):
        connected.sendall(b"GET /health/live HTTP/1.1\r\nHo")
        server.stop()
        assert server.process.returncode == -signal.SIGTERM, server.printed()
        assert "Traceback" not in server.printed()
        assert "never retrieved" not in server.printed()


@pytest.mark.slow
def test_limits_hold_within_tls_and_their_answer_arrives(server: Server) -> None:
    with hands(server.port) as connection:
        head = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: "
        with suppress(OSError):
            connection.sendall(head + b"a" * 3_000_000)
        assert connection.recv(12) == b"HTTP/1.1 431"
    with hands(server.port) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHo")
        assert connection.recv(12) == b"HTTP/1.1 408"
    with hands(server.port) as connection:
        assert connection.recv(1) == b""  # silent


@pytest.mark.slow
def test_clients_trust_an_authority_that_they_are_told(
    server: Server, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = server.site.ca
    with monkeypatch.context() as patched, Client(server.url) as untold:
        patched.setenv("SSL_CERT_FILE", str(ca))
        with Client(server.url) as told:
            assert told.ready()
        refuses(untold, "unable to get local issuer certificate")
    with Client(server.url, key=server.token, ca=ca) as client:
        assert client.ready()
        assert client.cameras().name == "sysu-mm01"

    async def awaited() -> str:
        async with AsyncClient(server.url, key=server.token, ca=ca) as client:
            assert await client.ready()
            return (await client.cameras()).name

    assert asyncio.run(awaited()) == "sysu-mm01"
    refuses(Client(server.url, retries=5), "unable to get local issuer certificate")
    elsewhere = made(files.cert.parent, ours(server), names="DNS:elsewhere")
    server.rotated()
    until(lambda: shown(server) == serial(elsewhere.cert), "the certificate")
    refuses(Client(server.url, ca=ca, retries=5), "IP address mismatch")
    with Client(f"http://127.0.0.1:{server.port}", retries=0) as client, pytest.raises(ConnectionFailed):
        client.cameras()


def refuses(client: Client, why: str) -> None:
    """At the first attempt: another would end as it did."""
    assert client._pause(0, Untrusted("")) is None
    with client:
        for ask in (client.cameras, client.ready):
            with pytest.raises(
                Untrusted, match=f"shows a certificate that isn't trusted: .*{why}.*; name your authority's file"
            ):
                ask()


def test_an_authority_that_is_none_is_told_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("rubbish")
    for name in ("ca.pem", "gone.pem"):
        with pytest.raises(Untrusted, match=f"{name} can't be read as certificates: .*; name a file in PEM"):
            Client("https://127.0.0.1:1", ca=tmp_path / name)


# --- before a server starts


def test_half_a_pair_is_refused() -> None:
    with pytest.raises(BadSettings, match="--tls-cert is half of a pair; give --tls-key FILE"):
        Settings("g", BUNDLE, tls_cert=Path("c"))
    with pytest.raises(BadSettings, match="--tls-key is half of a pair; give --tls-cert FILE"):
        Settings("g", BUNDLE, tls_key=Path("k"))


def test_files_that_are_no_pair_are_refused_in_words(tmp_path: Path) -> None:
    files = made(tmp_path / "good")
    text = files.cert.read_text()
    spoilt = tmp_path / "spoilt.pem"
    spoilt.touch(0o600)
    for content in (
        "",
        "rubbish",
        text[: len(text) // 2],
        text.replace("MII", "AAA", 1),
        text + text[: len(text) // 2],
    ):
        spoilt.write_text(content)
        with pytest.raises(BadSettings, match="in PEM"):
            Certificate(spoilt, files.key)
    for content in ("", files.key.read_text()[:-60]):
        spoilt.write_text(content)
        with pytest.raises(BadSettings, match="in PEM"):
            Certificate(files.cert, spoilt)
    with pytest.raises(BadSettings, match=f"isn't that of the certificate {files.cert}; name two files of one pair"):
        Certificate(files.cert, made(tmp_path / "other").key)
    with pytest.raises(BadSettings, match=r"gone can't be read: there is no such file"):
        Certificate(files.cert, tmp_path / "gone")
    spoilt.write_text(openssl("pkey", "-aes128", "-passout", "pass:secret", "-in", str(files.key)))
    with pytest.raises(BadSettings, match="has a passphrase"):
        Certificate(files.cert, spoilt)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = made(tmp_path / "pair")
    for mode in (0o640, 0o604, 0o620, 0o610):
        key.chmod(mode)
        with pytest.raises(BadSettings, match=f"others on this machine .*mode {mode:04o}.*chmod 600"):
            Certificate(cert, key)
    key.chmod(0o400)
    Certificate(cert, key)
    if os.geteuid():
        pytest.skip("root alone can lend a key")
    key.chmod(0o640)
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    Certificate(cert, key)  # as Kubernetes mounts a secret, and Debian's group ssl-cert
    key.chmod(0o644)
    with pytest.raises(BadSettings, match="chmod 640"):
        Certificate(cert, key)
    key.chmod(0o600)
    os.chown(key, 10002, 10002)
    with pytest.raises(BadSettings, match="belongs to user 10002; it must be the server's own"):
        Certificate(cert, key)
