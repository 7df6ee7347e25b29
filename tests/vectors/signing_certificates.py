"""Section 2, step 1, and section 1: what may be uploaded, and what several uploaded certificates mean."""

from __future__ import annotations

import base64
from typing import Any

from gatepost.core.reason import Reason
from tests import der
from tests.certificates import DAY, NOW, Digest, Part
from tests.vectors.forge import leaf, middle, root
from tests.vectors.scene import LAPTOP, ROOT, fails, passes, refuses
from tests.vectors.vector import Scene, vector

SECTION = "1"
OLD = root("root", cn="Rolling CA", not_after=NOW + 10 * DAY)
NEW = root("second", cn="Rolling CA", serial=2)


@vector("While a CA changes its key, a certificate of the old one passes, and the result names the old one.")
def _old_beside_new_for_the_old() -> Scene:
    return passes(leaf(OLD), signer=OLD.issued, uploaded=(OLD, NEW))


@vector("And one of the new one passes, and the result names the new one.")
def _old_beside_new_for_the_new() -> Scene:
    return passes(leaf(NEW), signer=NEW.issued, uploaded=(OLD, NEW))


@vector("Where nothing names the key, the signature tells the two apart.")
def _old_beside_new_without_identifiers() -> Scene:
    return passes(leaf(NEW, aki=None), signer=NEW.issued, uploaded=(OLD, NEW))


@vector("Their order in the upload says nothing.")
def _new_before_old() -> Scene:
    return passes(leaf(OLD), signer=OLD.issued, uploaded=(NEW, OLD))


@vector("An upload may hold authorities of different names.")
def _two_authorities() -> Scene:
    other = root("second", cn="Second Root CA")
    return passes(leaf(other), signer=other.issued, uploaded=(ROOT, other))


@vector("The old certificate has expired, the renewed one has the same key, and the device's stays as it is.")
def _renewed_with_the_same_key() -> Scene:
    expired = root(cn="Rolling CA", not_after=NOW - DAY)
    renewed = root(cn="Rolling CA", serial=2)
    return passes(leaf(expired), signer=renewed.issued, uploaded=(expired, renewed))


@vector("Where both hold, the one that ends last is named, so that the result lasts.")
def _both_hold() -> Scene:
    renewed = root(cn="Rolling CA", serial=2)
    return passes(leaf(OLD), signer=renewed.issued, uploaded=(OLD, renewed))


@vector("Where none holds, the reason is the one of the signing certificate that the certificate came furthest with.")
def _furthest_reason() -> Scene:
    other = root("second", cn="Second Root CA")
    expired = root(cn="Rolling CA", not_after=NOW - DAY)
    return fails(leaf(expired), why=Reason.SIGNING_CERTIFICATE_EXPIRED, uploaded=(other, NEW, expired))


@vector("The right name with another key says more than another name.")
def _key_mismatch_says_more_than_another_name() -> Scene:
    other = root("second", cn="Second Root CA")
    return fails(leaf(OLD), why=Reason.AUTHORITY_KEY_MISMATCH, uploaded=(other, NEW))


@vector("A signing certificate need not have a key usage.")
def _without_key_usage() -> Scene:
    plain = root(key_usage=None)
    return passes(leaf(plain), uploaded=(plain,))


def _refused(**options: Any) -> Scene:  # noqa: ANN401 - Options.
    return refuses("/certificates", uploaded=(root(**options),))


@vector("An upload with CA:FALSE is refused.")
def _ca_false() -> Scene:
    return _refused(ca=False)


@vector("So is one that does not say that it is a CA's.")
def _without_basic_constraints() -> Scene:
    return _refused(ca=None)


@vector("So is one whose key usage lacks keyCertSign.")
def _without_cert_sign() -> Scene:
    return _refused(key_usage=["crl_sign", "digital_signature"])


@vector("So is one of version 1, which cannot say so.")
def _version_1() -> Scene:
    return _refused(parts={Part.VERSION: None, Part.EXTENSIONS: None})


@vector("One wrong certificate in an upload refuses all of it.")
def _end_entity_among_authorities() -> Scene:
    upload = {"ca": True, "certificates": (ROOT.pem + LAPTOP.pem).decode()}
    return refuses("/certificates") | {"upload": upload}


@vector("A private key in the certificate's field is refused, and nothing is stored.")
def _private_key_in_the_upload() -> Scene:
    upload = {"ca": True, "certificates": (ROOT.pem + LAPTOP.key_pem()).decode()}
    return refuses("/certificates") | {"upload": upload}


@vector("So is a block that is cut short.")
def _broken_block_in_the_upload() -> Scene:
    upload = {"ca": True, "certificates": ROOT.pem.decode()[:-40]}
    return refuses("/certificates") | {"upload": upload}


@vector("And a text that holds no certificate.")
def _nothing_in_the_upload() -> Scene:
    return refuses("/certificates") | {"upload": {"ca": True, "certificates": "no certificate"}}


@vector("A signing key of RSA with 1024 bits is refused.")
def _small_rsa_key() -> Scene:
    return _refused(name="rsa1024")


@vector("So is one on secp256k1.")
def _unusual_curve() -> Scene:
    return _refused(name="secp256k1")


@vector("So is one whose curve is given by parameters instead of a name.")
def _explicit_curve_parameters() -> Scene:
    algorithm = der.tlv(0x30, der.oid("1.2.840.10045.2.1"), der.tlv(0x30, der.integer(1)))
    return _refused(parts={Part.PUBLIC_KEY: der.tlv(0x30, algorithm, der.tlv(0x03, b"\0\4" + bytes(64)))})


@vector("So is Ed448.")
def _ed448_key() -> Scene:
    return _refused(name="ed448")


@vector("So is an upload that is itself signed with MD5.")
def _md5_signature() -> Scene:
    return _refused(name="rsa2048", digest=Digest.MD5)


@vector("A root signed with SHA-1 is taken: nobody relies on its own signature.")
def _sha1_signature() -> Scene:
    old = root("rsa2048", digest=Digest.SHA1)
    return passes(leaf(old), uploaded=(old,))


@vector("A chain may be uploaded as one: each of its certificates may be the one step, for its own certificates.")
def _intermediate_beside_its_root() -> Scene:
    issuing = middle(ROOT)
    return passes(leaf(issuing), signer=issuing.issued, uploaded=(issuing, ROOT))


@vector("Some clients send the PEM as base64 on one line.")
def _base64_of_the_pem() -> Scene:
    upload = {"ca": True, "certificates": base64.b64encode(ROOT.pem).decode()}
    return passes(LAPTOP, signer=ROOT.issued) | {"upload": upload}


def _taken(**options: Any) -> Scene:  # noqa: ANN401 - Options.
    """Evaluate against a signing certificate that an upload would not take."""
    odd = root(**options)
    return fails(LAPTOP, why=Reason.SIGNING_CERTIFICATE_NOT_A_CA, uploaded=(odd,), taken=True)


@vector("A signing certificate with CA:FALSE vouches for nothing, however it came to be there.", "2")
def _ca_false_at_evaluation() -> Scene:
    return _taken(ca=False)


@vector("Nor does one without basic constraints.", "2")
def _without_basic_constraints_at_evaluation() -> Scene:
    return _taken(ca=None)


@vector("Nor does one whose key usage lacks keyCertSign.", "2")
def _without_cert_sign_at_evaluation() -> Scene:
    return _taken(key_usage=["crl_sign"])


@vector("Nor does one of version 1.", "2")
def _version_1_at_evaluation() -> Scene:
    return _taken(parts={Part.VERSION: None, Part.EXTENSIONS: None})


@vector("The signing certificate is judged before the certificate.", "2")
def _not_a_ca_comes_before_all_else() -> Scene:
    odd = root(ca=False, not_after=NOW - DAY)
    return fails(leaf(odd, ca=True), why=Reason.SIGNING_CERTIFICATE_NOT_A_CA, uploaded=(odd,), taken=True)
