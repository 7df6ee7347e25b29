"""Section 5: how sure the answer is, and what the certificate's key has to do with it."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gatepost.core.reason import Reason
from tests.certificates import DAY, NOW
from tests.vectors.forge import key, leaf, raw, sign, sign_ecdsa
from tests.vectors.scene import BINDING, LAPTOP, ROOT, at, fails, passes, proved, refuses, statement
from tests.vectors.vector import Found, Scene, vector

SECTION = "5"
POLICY = "1.3.6.1.4.1.55555.7"
ATTESTED = leaf(ROOT, policies=["2.23.140.1.2.1", POLICY])
HARDWARE = {"evidence": "hardware", "hardware_policies": [POLICY]}


def _key_state(state: str, level: str, why: Reason | None = None) -> Scene:
    asked: dict[str, Any] = {"check_private_key": True, "options": {"evidence": level}}
    return fails(at(LAPTOP, key=state), why=why, **asked) if why else passes(at(LAPTOP, key=state), **asked)


def _proves(name: str) -> Scene:
    return passes(proved(leaf(ROOT, name), name), check_private_key=True, evidence="possession")


def _unproven(found: Found) -> Scene:
    return fails(found, why=Reason.POSSESSION_UNPROVEN, check_private_key=True)


def _signed(signature: bytes) -> Found:
    return at(LAPTOP, key="present", signature=signature.hex())


@vector("Where no key is asked for, the certificate alone is enough, and the level says so.")
def _no_key_asked_for() -> Scene:
    return passes(LAPTOP, evidence="reported")


@vector("What was shown counts, also where it was not asked for.")
def _no_key_asked_for_and_proved() -> Scene:
    return passes(proved(LAPTOP), evidence="possession")


@vector("key_present: the store holds the key.")
def _key_present() -> Scene:
    return _key_state("present", "key_present")


@vector("key_present: a key that will not sign unattended is there all the same.")
def _key_unusable_and_present() -> Scene:
    return _key_state("unusable", "key_present")


@vector("key_present: there is no key beside the certificate.")
def _key_missing() -> Scene:
    return _key_state("missing", "key_present", Reason.PRIVATE_KEY_MISSING)


@vector("key_present: nobody looked for the key.")
def _key_not_looked_for() -> Scene:
    return _key_state("not-asked", "key_present", Reason.PRIVATE_KEY_MISSING)


@vector("key_present: the key beside it is another certificate's.")
def _key_mismatch() -> Scene:
    return _key_state("mismatch", "key_present", Reason.PRIVATE_KEY_MISMATCH)


@vector("Who asks for the key asks for its presence, also at the level reported.")
def _key_missing_and_reported() -> Scene:
    return _key_state("missing", "reported", Reason.PRIVATE_KEY_MISSING)


@vector("possession: there is no key.")
def _possession_without_a_key() -> Scene:
    return _key_state("missing", "possession", Reason.PRIVATE_KEY_MISSING)


@vector("possession: the key is another certificate's.")
def _possession_with_another_key() -> Scene:
    return _key_state("mismatch", "possession", Reason.PRIVATE_KEY_MISMATCH)


@vector("possession: the key is there, but will not sign unattended.")
def _possession_with_an_unusable_key() -> Scene:
    return _key_state("unusable", "possession", Reason.PRIVATE_KEY_UNUSABLE)


@vector("possession: the key is there, and nothing was signed.")
def _possession_without_a_signature() -> Scene:
    return _key_state("present", "possession", Reason.POSSESSION_UNPROVEN)


@vector("possession is what a check asks for on Linux that asks for the key.")
def _default_on_linux() -> Scene:
    return _unproven(at(LAPTOP, key="present"))


@vector("possession is what it asks for on Windows.")
def _default_on_windows() -> Scene:
    return fails(at(LAPTOP, key="present"), why=Reason.POSSESSION_UNPROVEN, check_private_key=True, system="windows")


@vector("key_present is what it asks for on a Mac.")
def _default_on_mac() -> Scene:
    return passes(at(LAPTOP, key="present"), check_private_key=True, system="mac", evidence="key_present")


@vector("possession on a Mac is refused when it is saved.")
def _possession_on_mac() -> Scene:
    return refuses("/evidence", check_private_key=True, system="mac", options={"evidence": "possession"})


@vector("hardware without a policy could be reached by nothing, and is refused.")
def _hardware_without_policies() -> Scene:
    return refuses("/hardware_policies", check_private_key=True, options={"evidence": "hardware"})


@vector("ECDSA with P-256 and SHA-256 proves possession.")
def _proof_by_p256() -> Scene:
    return _proves("laptop")


@vector("ECDSA with P-384 and SHA-384 proves possession.")
def _proof_by_p384() -> Scene:
    return _proves("p384")


@vector("ECDSA with P-521 and SHA-384 proves possession.")
def _proof_by_p521() -> Scene:
    return _proves("p521")


@vector("RSA with PKCS#1 v1.5 and SHA-256 proves possession.")
def _proof_by_rsa() -> Scene:
    return _proves("rsa2048")


@vector("Ed25519 proves possession.")
def _proof_by_ed25519() -> Scene:
    return _proves("ed25519")


@vector("A signature for another server is none.")
def _proof_for_another_server() -> Scene:
    return _unproven(proved(LAPTOP, audience="https://other.example/0123456789abcdef0123456789abcdef"))


@vector("A signature for another account of the same server is none.")
def _proof_for_another_account() -> Scene:
    return _unproven(proved(LAPTOP, audience="https://gatepost.example/ffffffffffffffffffffffffffffffff"))


@vector("A signature for another device is none.")
def _proof_for_another_device() -> Scene:
    return _unproven(proved(LAPTOP, thumbprint="00" * 32))


@vector("A signature over another nonce is none.")
def _proof_for_another_nonce() -> Scene:
    return _unproven(proved(LAPTOP, nonce=BINDING.nonce[:-2] + "00"))


@vector("A signature over another certificate of the same key is none.")
def _proof_for_another_certificate() -> Scene:
    renewed = leaf(ROOT, serial=4712)
    return _unproven(_signed(sign(key("laptop"), statement(renewed))))


@vector("A signature by another key is none.")
def _proof_by_another_key() -> Scene:
    return _unproven(proved(LAPTOP, "colleague"))


@vector("An ECDSA signature in DER is none: r and s stand side by side.")
def _proof_in_der() -> Scene:
    return _unproven(_signed(sign_ecdsa(key("laptop"), statement(LAPTOP), hashes.SHA256())))


@vector("An ECDSA signature of P-384 with SHA-256 is none.")
def _proof_by_p384_with_sha256() -> Scene:
    issued = leaf(ROOT, "p384")
    signature = raw(key("p384"), sign_ecdsa(key("p384"), statement(issued), hashes.SHA256()))
    return _unproven(at(issued, key="present", signature=signature.hex()))


@vector("An RSA signature with PSS is none.")
def _proof_by_rsa_pss() -> Scene:
    issued, signer = leaf(ROOT, "rsa2048"), key("rsa2048")
    assert isinstance(signer, rsa.RSAPrivateKey)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 0)
    signature = signer.sign(statement(issued), scheme, hashes.SHA256())
    return _unproven(at(issued, key="present", signature=signature.hex()))


@vector("An empty signature is none.")
def _empty_proof() -> Scene:
    return _unproven(at(LAPTOP, key="present", signature=""))


@vector("r and s of zero are none.")
def _proof_of_zeros() -> Scene:
    return _unproven(_signed(bytes(64)))


@vector("A signature counts whatever the device says of the key's place.")
def _proof_without_a_key_in_the_store() -> Scene:
    found = at(LAPTOP, key="missing", signature=sign(key("laptop"), statement(LAPTOP)).hex())
    return passes(found, check_private_key=True, evidence="possession")


@vector("hardware: a listed policy beside a valid proof.")
def _hardware() -> Scene:
    return passes(proved(ATTESTED), check_private_key=True, options=HARDWARE, evidence="hardware")


@vector("A listed policy raises the level also where less is asked for.")
def _hardware_where_possession_is_asked_for() -> Scene:
    options = {"hardware_policies": [POLICY]}
    return passes(proved(ATTESTED), check_private_key=True, options=options, evidence="hardware")


@vector("hardware: a proof without the policy is too weak.")
def _hardware_without_the_policy() -> Scene:
    return fails(proved(LAPTOP), why=Reason.EVIDENCE_TOO_WEAK, check_private_key=True, options=HARDWARE)


@vector("hardware: a policy that is not listed stands for nothing.")
def _hardware_with_another_policy() -> Scene:
    options = {"evidence": "hardware", "hardware_policies": ["1.3.6.1.4.1.55555.8"]}
    return fails(proved(ATTESTED), why=Reason.EVIDENCE_TOO_WEAK, check_private_key=True, options=options)


@vector("hardware: the policy without a proof is no proof.")
def _hardware_without_a_proof() -> Scene:
    return fails(at(ATTESTED, key="present"), why=Reason.POSSESSION_UNPROVEN, check_private_key=True, options=HARDWARE)


@vector("hardware: a policy in a certificate that the signing certificate does not vouch for stands for nothing.")
def _hardware_in_an_expired_certificate() -> Scene:
    expired = leaf(ROOT, policies=[POLICY], not_after=NOW - DAY)
    return fails(proved(expired), why=Reason.CERTIFICATE_EXPIRED, check_private_key=True, options=HARDWARE)


@vector("The older type of check asks for the certificate alone.")
def _older_type() -> Scene:
    return passes(LAPTOP, check=_older("${hostname}"), evidence="reported")


@vector("And for a common name, always.")
def _older_type_with_another_name() -> Scene:
    return fails(LAPTOP, check=_older("laptop-2"), why=Reason.COMMON_NAME_MISMATCH)


@vector("A level can be asked of the older type too, and with it the key.")
def _older_type_with_a_level() -> Scene:
    found = at(LAPTOP, key="missing")
    options = {"evidence": "key_present"}
    return fails(found, check=_older("laptop-1"), options=options, why=Reason.PRIVATE_KEY_MISSING)


def _older(cn: str) -> dict[str, Any]:
    return {
        "name": "client certificate",
        "type": "client_certificate",
        "match": [{"platform": "linux"}],
        "input": {"certificate_id": "8d2f6f0a-5b0e-4a3c-9d0d-6f6c4b1f2a11", "cn": cn},
    }
