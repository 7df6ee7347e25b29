"""Tokens of SoftHSM, made by its own tool and by GnuTLS's, and opened in this process for what those cannot do."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pkcs11
import pytest
from pkcs11.constants import Attribute, ObjectClass
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.stores.interface import Query
from gatepost.stores.pins import PinFiles, RefusedPins
from gatepost.stores.pkcs11 import Pkcs11Token, Reader
from tests.certificates import CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.certificates import Issued

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
SPY = next(iter(sorted(map(str, Path("/usr/lib").glob("*/pkcs11-spy.so")))), "/usr/lib/pkcs11-spy.so")
"""OpenSC's module that writes down each call of another one."""
CHILD = (sys.executable, "-I", "-m", "gatepost.stores.token_child")
PIN = "1234"


class Tokens(msgspec.Struct, frozen=True):
    """The tokens of one SoftHSM, in ``folder``."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Tokens:
        """Make a SoftHSM without any token."""
        (folder / "tokens").mkdir(parents=True)
        cls.configure(folder)
        return cls(folder)

    @staticmethod
    def configure(folder: Path, mechanisms: str = "ALL") -> None:
        """Write the settings of SoftHSM, with the mechanisms that it offers."""
        settings = f"directories.tokendir = {folder}/tokens\nslots.mechanisms = {mechanisms}\nlog.level = ERROR\n"
        (folder / "softhsm2.conf").write_text(settings)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to find them."""
        return {**os.environ, "SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}

    def run(self, *words: str | Path) -> str:
        """Run a tool on them, and return what it prints."""
        done = subprocess.run(list(map(str, words)), env=self.environment, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, f"{done.stdout}{done.stderr}"
        return done.stdout

    def add(self, label: str = "device") -> None:
        """Make a token."""
        self.run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "4321")

    def add_key(self, issued: Issued, identifier: bytes, on: str = "device") -> None:
        """Import a certificate's private key, as SoftHSM's own tool does it: both halves, the private one sensitive."""
        path = self.folder / "key.pem"
        path.write_bytes(issued.key_pem())
        where = ("--token", on, "--pin", PIN)
        self.run("softhsm2-util", "--import", path, *where, "--label", "a key", "--id", identifier.hex())

    def add_certificate(self, issued: Issued, identifier: bytes, label: str = "laptop", on: str = "device") -> None:
        """Import a certificate by GnuTLS's tool."""
        path = self.folder / "certificate.pem"
        path.write_bytes(issued.pem)
        what = ("--write", f"--load-certificate={path}", f"--id={identifier.hex()}", f"--label={label}")
        self.run("p11tool", f"--provider={MODULE}", "--login", f"--set-pin={PIN}", *what, f"pkcs11:token={on}")

    def add_pair(self, issued: Issued, label: str = "laptop", on: str = "device") -> None:
        """Import a certificate and its key, under one id."""
        identifier = secrets.token_bytes(8)
        self.add_key(issued, identifier, on)
        self.add_certificate(issued, identifier, label, on)

    @contextmanager
    def opened(self, label: str = "device") -> Iterator[pkcs11.Session]:
        """Open a token in this process, to write."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOFTHSM2_CONF", str(self.folder / "softhsm2.conf"))
            library = pkcs11.lib(MODULE)
            try:
                with library.get_token(token_label=label).open(rw=True, user_pin=PIN) as session:
                    yield session
            finally:
                library.finalize()

    def generate(self, identifier: bytes, **private: bool) -> bytes:
        """Have the token make a P-256 key of its own, with attributes by name; return the public half, as in certificates."""
        template = {Attribute[name.upper()]: value for name, value in private.items()}
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        with self.opened() as session:
            domain = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
            public, _ = domain.generate_keypair(store=True, id=identifier, label="made", private_template=template)
            encoded: bytes = encode_ec_public_key(public)
        return encoded

    def add_many(self, certificates: list[Issued]) -> None:
        """Import many certificates, in this process."""
        with self.opened() as session:
            for number, issued in enumerate(certificates):
                session.create_object(
                    {
                        Attribute.CLASS: ObjectClass.CERTIFICATE,
                        Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                        Attribute.TOKEN: True,
                        Attribute.LABEL: f"laptop-{number}",
                        Attribute.SUBJECT: b"",
                        Attribute.VALUE: issued.der,
                    }
                )


class Device(msgspec.Struct, frozen=True):
    """A device with a token, the file with its PIN, and the settings that name both."""

    tokens: Tokens
    authority: CertificateAuthority

    @property
    def folder(self) -> Path:
        """Where everything lies."""
        return self.tokens.folder

    @property
    def pin_file(self) -> Path:
        """The file with the PIN."""
        return self.folder / "pin"

    @property
    def query(self) -> Query:
        """Ask for the authority's certificates and their keys."""
        authority = parse_certificate(self.authority.der)
        assert isinstance(authority, Certificate)
        return Query(issuers=frozenset({authority.subject.canonical}), asks_key=True)

    def set_pin(self, text: str) -> None:
        """Write the file with the PIN."""
        self.pin_file.write_text(text)
        self.pin_file.chmod(0o600)

    def store(self, uri: str = "pkcs11:token=device", **changes: object) -> Pkcs11Token:
        """Give the store of a URI; ``changes`` are of the reader's settings."""
        settings = Reader(modules=(MODULE,), command=CHILD, environment=self.tokens.environment)
        reader = msgspec.structs.replace(settings, **changes)
        refused = RefusedPins(self.folder / "state" / "refused-pins.json")
        return Pkcs11Token(uri, reader, PinFiles({"device": str(self.pin_file)}, refused))
