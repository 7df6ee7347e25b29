"""Keys in a TPM, one of software: made in it by its own tools, certified by a request that it signed, proved through PKCS#11."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.agent.gather import gather
from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.check import Check, Evidence, Locations
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Evaluation, Status
from gatepost.core.finding import KeyState
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.stores.pins import PinFiles, RefusedPins
from gatepost.stores.pkcs11 import Pkcs11Token, Reader
from tests.certificates import NOW, CertificateAuthority, Issued, Part
from tests.stores.tokens import CHILD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.stores.tokens import Device

ROOT = Path(__file__).parents[2]
PIN = "1234"
POLICY = "1.3.6.1.4.1.55555.7"
AUTHORITY = CertificateAuthority.create(cn="Example Root CA")
STATEMENT = b"a statement"
CLAIMS = "the token claims: never extractable, always sensitive, made in it"


class Tpm(msgspec.Struct, frozen=True):
    """A TPM of software in ``folder``, and the settings by which programs find it."""

    folder: Path
    settings: dict[str, str]

    @property
    def module(self) -> str:
        """The PKCS#11 module of TPMs."""
        return next(str(path) for path in Path("/usr/lib").glob("*/pkcs11/libtpm2_pkcs11.so"))

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs."""
        return {**os.environ, **self.settings, "GNUTLS_PIN": PIN}

    def run(self, *words: str | Path) -> str:
        """Run a program on it, and return what it prints."""
        done = subprocess.run(list(map(str, words)), env=self.environment, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, f"{done.stdout}{done.stderr}"
        return done.stdout

    def make_token(self) -> None:
        """Make a token."""
        self.run("tpm2_ptool", "init")
        self.run("tpm2_ptool", "addtoken", "--pid", "1", "--label", "device", "--userpin", PIN, "--sopin", "4321")

    def make_pair(self, name: str, algorithm: str, policies: list[str]) -> Issued:
        """Have the TPM make a key and sign a request for it, certify that, and put the certificate beside the key."""
        self.run(
            "tpm2_ptool",
            "addkey",
            f"--algorithm={algorithm}",
            "--label=device",
            f"--userpin={PIN}",
            f"--key-label={name}",
        )
        template, request, file = (self.folder / f"{name}.{suffix}" for suffix in ("cfg", "csr", "pem"))
        template.write_text(f'cn = "{name}"\n')
        url = f"pkcs11:token=device;object={name};type=private"
        key = (f"--provider={self.module}", "--load-privkey", url, "--template", template)
        self.run("certtool", "--generate-request", *key, "--no-text", "--outfile", request)
        signed = x509.load_pem_x509_csr(request.read_bytes())
        assert signed.is_signature_valid
        public = signed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        issued = AUTHORITY.issue(cn=name, policies=policies, parts={Part.PUBLIC_KEY: public})
        file.write_bytes(issued.pem)
        self.run("tpm2_ptool", "addcert", "--label", "device", "--key-label", name, file)
        return issued

    def store(self, pin: str, folder: Path, uri: str = "pkcs11:token=device") -> Pkcs11Token:
        """Give the store of its token, with the PIN in a file of ``folder``."""
        pin_file = folder / "pin"
        pin_file.write_text(pin)
        pin_file.chmod(0o600)
        reader = Reader(modules=(self.module,), command=CHILD, environment=self.environment)
        return Pkcs11Token(uri, reader, PinFiles({"device": str(pin_file)}, RefusedPins(folder / "refused.json")))


@pytest.fixture(scope="module")
def tpm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tpm]:
    """Give a TPM with a token that has an EC pair (its certificate with the policy) and an RSA pair."""
    folder = tmp_path_factory.mktemp("tpm")
    script = ROOT / "scripts" / "software-tpm"
    try:
        started = subprocess.run([script, "start", folder], capture_output=True, text=True, check=False)
        assert 0 == started.returncode, started.stderr
        made = Tpm(folder, dict(re.findall(r"(\w+)='([^']*)'", started.stdout)))
        made.make_token()
        made.make_pair("laptop-ec", "ecc256", [POLICY])
        made.make_pair("laptop-rsa", "rsa2048", [])
        yield made
    finally:
        subprocess.run([script, "stop", folder], check=True)


def check(**changes: object) -> Check:
    """Ask for the authority's certificates, with their keys proved."""
    authority = parse_certificate(AUTHORITY.der)
    assert isinstance(authority, Certificate)
    asked = Check(
        id="tpm",
        authorities=(authority,),
        asks_key=True,
        evidence=Evidence.POSSESSION,
        locations=Locations((), ("pkcs11:token=device",)),
    )
    return msgspec.structs.replace(asked, **changes)


def evaluate(asked: Check, store: Pkcs11Token) -> Evaluation:
    """Answer a check from one token."""
    return gather(asked, DeviceFacts(), (store,), NOW, lambda _: STATEMENT).evaluation


def test_each_pair_in_the_tpm_is_found_and_signs(tpm: Tpm, tmp_path: Path) -> None:
    """By the keys that it made and never gave away; what it claims of them is shown."""
    store = tpm.store(PIN, tmp_path)
    findings = evaluate(check(), store)
    assert (Status.PASS, Evidence.POSSESSION) == (findings.status, findings.evidence)
    for judged in findings.certificates:
        certificate = judged.candidate.certificate
        assert isinstance(certificate, Certificate)
        assert (Evidence.POSSESSION, CLAIMS) == (judged.evidence, judged.candidate.key_detail)
        signed = store.sign(judged.candidate, STATEMENT)
        assert isinstance(signed, bytes)
        assert verify_signature(certificate.public_key, signed, STATEMENT)
    assert {"laptop-ec", "laptop-rsa"} == {item.candidate.location.label for item in findings.certificates}


def test_only_the_listed_policy_makes_it_hardware(tpm: Tpm, tmp_path: Path) -> None:
    """The certificate that has it reaches the level, the other in the same TPM does not; and neither without the list."""
    asked = check(evidence=Evidence.HARDWARE, hardware_policies=(POLICY,))
    found = evaluate(asked, tpm.store(PIN, tmp_path))
    assert (Status.PASS, Evidence.HARDWARE) == (found.status, found.evidence)
    reached = {item.candidate.location.label: (item.evidence, item.reasons) for item in found.certificates}
    assert {
        "laptop-ec": (Evidence.HARDWARE, ()),
        "laptop-rsa": (Evidence.POSSESSION, (Reason.EVIDENCE_TOO_WEAK,)),
    } == reached
    unlisted = evaluate(check(hardware_policies=("1.3.6.1.4.1.55555.8",)), tpm.store(PIN, tmp_path))
    assert {Evidence.POSSESSION} == {item.evidence for item in unlisted.certificates}


def test_a_token_of_software_that_claims_the_same_stays_below(device: Device, tpm: Tpm, tmp_path: Path) -> None:
    """Word for word what the TPM says of its keys, SoftHSM says of a file on a disk."""
    public = device.tokens.generate(b"\1")
    device.tokens.add_certificate(AUTHORITY.issue(cn="laptop-1", parts={Part.PUBLIC_KEY: public}), b"\1")
    asked = check(evidence=Evidence.HARDWARE, hardware_policies=(POLICY,))
    found = evaluate(asked, device.store())
    assert (Status.FAIL, Evidence.POSSESSION) == (found.status, found.evidence)
    assert (Reason.EVIDENCE_TOO_WEAK,) == found.reasons
    in_tpm = evaluate(asked, tpm.store(PIN, tmp_path)).certificates[0].candidate
    assert CLAIMS == found.certificates[0].candidate.key_detail == in_tpm.key_detail


def test_a_wrong_pin_is_tried_once_and_locks_nothing(tpm: Tpm, tmp_path: Path) -> None:
    """A TPM that is asked wrongly too often answers nobody for hours."""
    store = tpm.store("9999", tmp_path)
    answers = [evaluate(check(), store) for _ in range(12)]
    assert {(Status.FAIL, (Reason.PRIVATE_KEY_UNUSABLE,))} == {(item.status, item.reasons) for item in answers}
    locked = [item.certificates[0].candidate for item in answers]
    assert {KeyState.LOCKED} == {item.key for item in locked}
    assert "the token refused its PIN (PinIncorrect)" in locked[0].key_detail
    assert 11 == sum("was refused, and is not tried again" in item.key_detail for item in locked)
    assert Status.PASS is evaluate(check(), tpm.store(PIN, tmp_path)).status


def test_one_certificate_is_named_by_its_label(tpm: Tpm, tmp_path: Path) -> None:
    """And the token by the marks that its own tools print, padding and all."""
    (url,) = re.findall(
        r"URL: (pkcs11:\S+;token=device)\n", tpm.run("p11tool", f"--provider={tpm.module}", "--list-tokens")
    )
    assert "%00" in url
    found = evaluate(check(), tpm.store(PIN, tmp_path, f"{url};object=laptop-rsa"))
    assert ["laptop-rsa"] == [item.candidate.location.label for item in found.certificates]


def test_a_tpm_that_is_not_there_is_an_error(tpm: Tpm, tmp_path: Path) -> None:
    """Its module is, but its resource manager does not answer."""
    elsewhere = msgspec.structs.replace(tpm, settings={**tpm.settings, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/none"})
    found = evaluate(check(), elsewhere.store(PIN, tmp_path))
    assert (Status.ERROR, (Reason.STORE_UNREADABLE,)) == (found.status, found.reasons)
