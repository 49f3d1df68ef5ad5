"""The proxy of compose in front of a gateway, HAProxy itself: who comes through it, with what, and how much of it."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core import clock
from gateway.cli.embedded import Servers
from tests import databases
from tests.conftest import LOGS, free_port, serving
from tests.gateway.test_connection import HOP, RIGHT, WRONG, post, read_all, status_of

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("proxy")]

CONFIGURATION = Path(__file__).parents[2] / "gateway" / "proxy" / "haproxy.cfg"
CONNECTIONS, REQUESTS = 8, 30
# Each test calls from an address of its own, so that none uses up another's share. The gateway takes hops from this network.
NETWORK = "127.0.1."
STRANGER = "127.0.2.1"
FORM = {"sessionId": "ATUid_proxy", "phoneNumber": "+254711000001", "serviceCode": "*384*96#", "text": ""}


@dataclass(frozen=True)
class Proxy:
    port: int
    certificate: Path

    def client(self, address: str) -> httpx2.Client:
        """Whoever calls from this address of the machine."""
        trust = ssl.create_default_context(cafile=self.certificate)
        transport = httpx2.HTTPTransport(verify=trust, local_address=address)
        return httpx2.Client(base_url=f"https://127.0.0.1:{self.port}", transport=transport)

    @contextmanager
    def line(self, address: str) -> Iterator[socket.socket]:
        """A connection on which a test says what it likes."""
        trust = ssl.create_default_context(cafile=self.certificate)
        with (
            socket.create_connection(("127.0.0.1", self.port), 20, source_address=(address, 0)) as opened,
            trust.wrap_socket(opened, server_hostname="127.0.0.1") as secured,
        ):
            yield secured


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder's only file, as HAProxy wants it: the certificate, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = clock.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificates") / "gateway.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture(scope="module")
def proxy(
    servers: Servers, template: str, redis_url: str, certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    program = shutil.which("haproxy")
    if program is None:
        pytest.skip("no haproxy on this machine: install Debian's package to try the proxy that compose starts")
    port = free_port()
    configuration = tmp_path_factory.mktemp("proxy") / "haproxy.cfg"
    bind, folder = f"bind 127.0.0.1:{port} ", f"crt {certificate.parent}/"
    text = CONFIGURATION.read_text()
    assert text.count("bind :8443 ") == text.count("crt /certificates/") == 1
    configuration.write_text(text.replace("bind :8443 ", bind).replace("crt /certificates/", folder))
    service = {
        "JASHO_DATABASE_URL": databases.copy(servers.database_url, template),
        "JASHO_REDIS_URL": redis_url,
        "JASHO_CALLBACK_ALLOW": f"{NETWORK}0/24",
        "FORWARDED_ALLOW_IPS": "127.0.0.1",
    }
    with serving(service, "--no-worker") as gateway, (LOGS / f"proxy-{port}.log").open("w") as log:
        variables = {
            "GATEWAY": gateway.removeprefix("http://"),
            "PROXY_CONNECTIONS": str(CONNECTIONS),
            "PROXY_REQUESTS": str(REQUESTS),
        }
        process = subprocess.Popen([program, "-db", "-f", configuration], env=variables, stdout=log, stderr=log)
        made = Proxy(port, certificate)
        try:
            _wait(process, made, Path(log.name))
            yield made
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: "subprocess.Popen[bytes]", proxy: Proxy, log: Path) -> None:
    """Until it has seen that the gateway is well. It says 503 before."""
    ends = time.monotonic() + 30
    for number in count():
        if time.monotonic() > ends:
            break
        assert process.poll() is None, log.read_text()
        try:
            with proxy.client(f"127.0.3.{number % 250 + 1}") as client:
                if client.post(RIGHT, data=FORM).status_code != 503:
                    return
        except httpx2.TransportError:
            pass  # it does not listen yet
    raise AssertionError(f"the proxy does not reach the gateway:\n{log.read_text()}")


def test_a_provider_reaches_the_gateway_and_its_address_and_request_are_known(proxy: Proxy) -> None:
    with proxy.client(f"{NETWORK}1") as client:
        answer = client.post(RIGHT, data=FORM, headers={"X-Request-Id": "chosen-by-a-stranger"})
    assert answer.text.startswith("CON ")
    assert UUID(answer.headers["x-request-id"])
    assert answer.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize("claim", ["X-Forwarded-For", "Forwarded", "X-Real-Ip"])
def test_who_calls_from_elsewhere_is_refused_whatever_he_says_of_his_address(proxy: Proxy, claim: str) -> None:
    value = f"for={NETWORK}1" if claim == "Forwarded" else f"{NETWORK}1"
    with proxy.client(STRANGER) as client:
        assert client.post(RIGHT, data=FORM, headers={claim: value}).status_code == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/simulator", "/", "/api", "//api/ussd", "/%61pi/"])
def test_only_the_callbacks_and_the_api_are_open_to_strangers(proxy: Proxy, path: str) -> None:
    with proxy.line(f"{NETWORK}2") as opened:
        opened.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = read_all(opened)
    assert status_of(answer) == 404
    assert b"x-request-id" not in answer.lower(), "the gateway answered"


def test_what_is_too_large_does_not_reach_the_gateway(proxy: Proxy) -> None:
    with proxy.line(f"{NETWORK}3") as opened:
        opened.sendall(f"GET {RIGHT} HTTP/1.1\r\nHost: x\r\nX-Long: {'x' * 17 * 1024}\r\n\r\n".encode())
        assert status_of(read_all(opened)) == 400
    with proxy.line(f"{NETWORK}3") as opened:
        opened.sendall(post(RIGHT, length=64 * 1024 + 1))
        assert status_of(opened.recv(65536)) == 413
    with proxy.line(f"{NETWORK}3") as opened:
        opened.sendall(f"POST {RIGHT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        opened.sendall(b"10001\r\n" + b"x" * 0x10001)
        assert status_of(opened.recv(65536)) == 413, "in pieces it is the gateway that counts"
    # As much as the gateway takes.
    with proxy.client(f"{NETWORK}3") as client:
        assert client.post(WRONG, content=b"x" * 60_000).status_code == 404


def test_half_a_request_is_let_go_of(proxy: Proxy) -> None:
    with proxy.line(f"{NETWORK}4") as silent, proxy.line(f"{NETWORK}4") as head, proxy.line(f"{NETWORK}4") as body:
        head.sendall(b"POST /api/ HTTP/1.1\r\nHost")
        body.sendall(post(RIGHT, HOP[:10], length=len(HOP)))
        assert [status_of(answer) for opened in (head, body) if (answer := read_all(opened))] == [408, 408]
        read_all(silent)


def is_turned_away(proxy: Proxy, address: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", proxy.port), 20, source_address=(address, 0)) as opened:
            return read_all(opened) == b""
    except ConnectionResetError:
        return True


def _post_again(proxy: Proxy, address: str) -> httpx2.Response:
    """The answer to whoever calls until the proxy has noticed that others of his address have hung up."""
    ends = time.monotonic() + 20
    while True:
        try:
            with proxy.client(address) as client:
                return client.post(RIGHT, data=FORM)
        except httpx2.TransportError:
            if time.monotonic() > ends:
                raise


def test_one_address_takes_its_share_of_connections_and_no_more(proxy: Proxy) -> None:
    with ExitStack() as crowd:
        for _ in range(CONNECTIONS):
            crowd.enter_context(proxy.line(f"{NETWORK}5"))
        assert is_turned_away(proxy, f"{NETWORK}5")
        with proxy.client(f"{NETWORK}6") as honest:
            assert honest.post(RIGHT, data=FORM).text.startswith("CON ")
    assert _post_again(proxy, f"{NETWORK}5").status_code == 200


def test_one_address_takes_its_share_of_requests_and_no_more(proxy: Proxy) -> None:
    with proxy.client(f"{NETWORK}7") as client:
        codes = [client.post(WRONG).status_code for _ in range(REQUESTS + 5)]
    assert codes == [404] * REQUESTS + [429] * 5
    with proxy.client(f"{NETWORK}8") as honest:
        assert honest.post(RIGHT, data=FORM).text.startswith("CON ")


def test_the_proxys_log_has_no_callbacks_secret(proxy: Proxy) -> None:
    with proxy.client(f"{NETWORK}9") as client:
        client.post(RIGHT, data=FORM)
    assert RIGHT not in (LOGS / f"proxy-{proxy.port}.log").read_text()
