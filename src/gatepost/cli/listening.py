"""Where the server listens and under which certificate: addresses and files, tried before anything is served."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

from gatepost.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def parse_address(listen: str) -> tuple[str, int]:
    """Read HOST:PORT; raises `InputError`."""
    host, colon, port = listen.rpartition(":")
    host = host.strip("[]")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65_536:  # noqa: PLR2004 - ports.
        raise InputError("--listen", f"is not HOST:PORT: {listen!r}", "such as 127.0.0.1:8640 or [::1]:8640")
    return "127.0.0.1" if host == "localhost" else host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        raise InputError(
            "--listen", f"is not an address: {host!r}", "an IP address of this machine, such as 0.0.0.0"
        ) from None


def public_url(url: str) -> str:
    """Read an address by which agents know this server; raises `InputError`."""
    from gatepost.client.transport import check_server_url

    return check_server_url(url, "--public-url")


def own_url(host: str, port: int, certificate: Path | None) -> str:
    """Return the address by which agents know this server where none is given: the one it listens on."""
    if ip_address(host).is_unspecified:
        problem = f"is missing: with --listen {host} this server has no one address"
        raise InputError("--public-url", problem, "https://HOST[:PORT], as agents write it")
    return public_url(f"{'https' if certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}")


def try_address(host: str, port: int) -> None:
    """Refuse an address that is taken: the server shares its port, and would take every other request of a stranger's."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError("--listen", f"cannot be used: {host} port {port}: {error.strerror}") from error


def check_tls(certificate: Path | None, key: Path | None, host: str) -> None:
    """Refuse TLS files that cannot be served, and an address that needs TLS and has none."""
    if (certificate is None) != (key is None):
        raise InputError("--tls-cert and --tls-key", "go together", "give both or neither")
    for flag, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if path is not None and not path.is_file():
            raise InputError(flag, f"is not a file: {path}")
    if certificate is not None and key is not None:
        _try_tls(certificate, key)
    if certificate is None and not _is_loopback(host):
        problem = f"would serve without TLS on {host}"
        raise InputError("--listen", problem, "give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy")


def _try_tls(certificate: Path, key: Path) -> None:
    """Load both as a server would; a password, which nobody is there to type, is not asked for."""
    import ssl

    given = f"{certificate} and {key}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        problem = f"are no chain of certificates and its key: {given}: {error.reason or 'no PEM'}"
        raise InputError("--tls-cert and --tls-key", problem, "PEM; the key PKCS #8, not encrypted") from error
    except OSError as error:
        raise InputError("--tls-cert and --tls-key", f"cannot be read: {given}: {error.strerror}") from error
