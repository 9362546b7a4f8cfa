"""A certificate that a simulated service signs itself, and a TLS front for a server that speaks none.

The Redis in the wheel is built without TLS; LogRhythm's gateway signs its certificate itself.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: Days for which a certificate is good; the sandbox makes a new one at each start.
VALID_DAYS = 30

#: Bytes that are passed on at once.
CHUNK = 65_536


def self_signed(folder: Path, host: str = "127.0.0.1") -> dict[str, str]:
    """Write `certificate.pem` and `key.pem` for `host` and localhost; returns what `Site` takes as TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(key, host)
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].touch(mode=0o600)
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return {"ssl_certfile": str(paths[0]), "ssl_keyfile": str(paths[1])}


def _signed(key: ec.EllipticCurvePrivateKey, host: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tq-sandbox")])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), _general_name(host)]), False)
        # Python 3.13 verifies strictly: a certificate that vouches for itself must be an authority.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@contextmanager
def tls_front(folder: Path, port: int) -> Iterator[tuple[int, str]]:
    """Listen on a free port, pass what arrives on to the loopback `port`; yields the port and the CA file."""
    files = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["ssl_certfile"], files["ssl_keyfile"])
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        threading.Thread(target=_serve, args=(server, context, port), daemon=True).start()
        try:
            yield server.getsockname()[1], files["ssl_certfile"]
        finally:
            # Closing alone would leave the thread in accept().
            server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_front, args=(client, context, port), daemon=True).start()


def _front(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError), client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with (
            context.wrap_socket(client, server_side=True) as secured,
            socket.create_connection(("127.0.0.1", port)) as backend,
        ):
            answers = threading.Thread(target=_pass_on, args=(backend, secured), daemon=True)
            answers.start()
            _pass_on(secured, backend)
            answers.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
