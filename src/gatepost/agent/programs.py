"""Programs: the agent gives those on its device tokens, and a proof for each request, over a socket of its own.

The socket gives nothing else and takes no orders. Who is at its other end the kernel says (SO_PEERCRED, unix(7)); root and the
agent's own account are answered, and whom the device's settings name. The device's key never leaves the agent.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import msgspec

from gatepost.errors import GatepostError, InputError
from gatepost.wire import jws
from gatepost.wire.device_token import (
    PROOF_HEADER,
    TOKEN_HEADER,
    IssuedToken,
    Proof,
    TokenRequest,
    hash_token,
    sign_proof,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatepost.client.identity import DeviceKey, EnrolledAs

SOCKET: Final = "programs.sock"
"""The socket's name in the folder that everybody may read."""
_PATIENCE: Final = 5.0
"""Seconds for which a program may say nothing, or not read."""
_LONGEST: Final = 8_192
"""Bytes of a question."""
_AT_ONCE: Final = 16
_SPARE: Final = 60
"""Seconds before its end at which a token is no longer given."""
_METHOD: Final = re.compile(r"[A-Z]{1,32}", re.ASCII)
_VISIBLE: Final = re.compile(r"[!-~]{1,4000}", re.ASCII)


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a program asks: the address and the method of the one request that it is about to make."""

    url: Annotated[str, msgspec.Meta(max_length=4_096)]
    method: str = "GET"


class Given(msgspec.Struct, frozen=True, omit_defaults=True):
    """The headers to send; or why there are none."""

    headers: dict[str, str] = {}
    problem: str = ""


class Minter:
    """Gives headers for one request each. Safe to use from many threads."""

    def __init__(
        self,
        key: DeviceKey,
        enrolled: EnrolledAs,
        ask: Callable[[bytes], IssuedToken],
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        """Take the device's key, what asks the server for a token, and a clock in seconds that never goes back."""
        self._key = key
        self._enrolled = enrolled
        self._ask = ask
        self._clock = clock
        self._random = random
        self._lock = threading.Lock()
        self._issued: tuple[IssuedToken, float] | None = None

    def mint(self, asked: Asked) -> dict[str, str]:
        """Return the headers; raises `InputError` for what is no request over TLS, and what the server says."""
        address = _address(asked.url)
        if not _METHOD.fullmatch(asked.method):
            raise InputError("--method", f"is {asked.method[:40]!r}", "a method in capitals, such as GET")
        issued, began = self._token()
        proof = Proof(
            jti=self._random(16).hex(),
            htm=asked.method,
            htu=address,
            # By the server's clock, whatever this device's says.
            iat=int(issued.issued_at / 1000 + self._clock() - began),
            ath=hash_token(issued.token),
        )
        return {TOKEN_HEADER: issued.token, PROOF_HEADER: sign_proof(proof, self._key.private, self._key.point)}

    def _token(self) -> tuple[IssuedToken, float]:
        with self._lock:
            if self._issued is not None and self._clock() < self._issued[1] + self._issued[0].expires_in - _SPARE:
                return self._issued
            began = self._clock()
            request = TokenRequest(aud=self._enrolled.audience)
            self._issued = (self._ask(self._key.sign(jws.Kind.TOKEN, request)), began)
            return self._issued


def _address(url: str) -> str:
    """Return an address as a proof has it: without query and fragment, and without a port that goes without saying."""
    allowed = "https://HOST[:PORT]/PATH, as the program will ask for it"
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "")
    except ValueError:
        raise InputError("--url", f"is {url[:200]!r}", allowed) from None
    if parts.scheme != "https" or not host or parts.username is not None or not _VISIBLE.fullmatch(url):
        raise InputError("--url", f"is {url[:200]!r}", allowed)
    host = f"[{host}]" if ":" in host else host
    return f"https://{host}{f':{port}' if port not in {None, 443} else ''}{parts.path or '/'}"


class ProgramListener:
    """Listens at the socket in threads of its own."""

    def __init__(self, minter: Minter, path: Path, users: frozenset[int], tell: Callable[[str], None]) -> None:
        """Take what mints, the uids that are answered besides root and this account, and whom to ``tell`` who asked."""
        self._minter = minter
        self._path = path
        self._users = users | {0, os.geteuid()}
        self._tell = tell
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._listener: socket.socket | None = None
        self._thread = threading.Thread(target=self._work, name="programs", daemon=True)

    def start(self) -> None:
        """Begin; where there can be no socket it is told, and programs get no tokens."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            with suppress(FileNotFoundError):
                self._path.unlink()
            listener.bind(str(self._path))
            # Anybody may connect, and hears whether they are answered: the kernel says who they are.
            self._path.chmod(0o666)
            listener.listen(_AT_ONCE)
        except OSError as error:
            listener.close()
            self._tell(f"cannot give tokens to programs: {self._path}: {error.strerror}")
            return
        self._listener = listener
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        if self._listener is None:
            return
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        with suppress(OSError):
            self._path.unlink()

    def _work(self) -> None:
        while self._listener is not None:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if not self._room.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):
                connection.settimeout(_PATIENCE)
                connection.sendall(msgspec.json.encode(self._answer(connection)) + b"\n")
        finally:
            self._room.release()

    def _answer(self, connection: socket.socket) -> Given:
        line, uid = _read_line(connection), peer_of(connection)
        if uid not in self._users:
            self._tell(f"uid {uid} asked for a token and may not (token_users)")
            return Given(problem="this device's settings give you no tokens (token_users)")
        try:
            asked = msgspec.json.decode(line, type=Asked)
            headers = self._minter.mint(asked)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return Given(problem=f"this is no question of ours: {error}")
        except InputError as error:
            return Given(problem=str(error))
        except GatepostError as error:
            return Given(problem=f"the server gives no token: {error}")
        return Given(headers=headers)


def peer_of(connection: socket.socket) -> int:
    """Return the uid at the other end (Linux: SO_PEERCRED)."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", told)[1])


def _read_line(connection: socket.socket) -> bytes:
    read = b""
    while not read.endswith(b"\n") and len(read) <= _LONGEST:
        more = connection.recv(_LONGEST)
        if not more:
            break
        read += more
    return read


def ask_agent(path: Path, asked: Asked) -> dict[str, str]:
    """Ask the agent that listens at a socket; raises `InputError` where it does not answer, or gives nothing."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(3 * _PATIENCE)
            connection.connect(str(path))
            connection.sendall(msgspec.json.encode(asked) + b"\n")
            answer = b""
            while more := connection.recv(65_536):
                answer += more
    except OSError as error:
        allowed = "run `gatepost agent run` as a service, of this release"
        raise InputError(
            "--state", f"has no agent that answers at {path}: {error.strerror or error}", allowed
        ) from error
    try:
        given = msgspec.json.decode(answer, type=Given)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError("--state", f"has something else than an agent at {path} ({error})") from error
    if given.problem or not given.headers:
        raise InputError("the agent", f"gave no token: {given.problem or 'it said nothing'}")
    return given.headers
