"""Section 2, steps 2 to 4: one step from the certificate to the signing certificate."""

from __future__ import annotations

from cryptography import x509

from gatepost.core.reason import Reason
from tests import der
from tests.certificates import ANY_PURPOSE, CLIENT_AUTH, Part, constraints, dns, email, ip, uri, with_broken_signature
from tests.vectors.forge import leaf, middle, odd_extension, root
from tests.vectors.scene import LAPTOP, ROOT, at, fails, passes
from tests.vectors.vector import Scene, vector

SECTION = "2"
SECOND = root("second", cn="Second Root CA")
IMPOSTOR = root("second")
MIDDLE = middle(ROOT)
LIMITED = root(cn="Limited CA", name_constraints=constraints(permitted=[dns("corp.example")]))


@vector("A certificate that the uploaded certificate signed passes, and the result names that one.")
def _directly_issued() -> Scene:
    return passes(LAPTOP, signer=ROOT.issued)


@vector("The uploaded certificate may be an intermediate one; its own issuer is not needed.")
def _intermediate_uploaded() -> Scene:
    return passes(leaf(MIDDLE), signer=MIDDLE.issued, uploaded=(MIDDLE,))


@vector("No path is built: the root above the issuing authority does not do.")
def _higher_authority_uploaded() -> Scene:
    return fails(leaf(MIDDLE), why=Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE)


@vector("No path is built, also when the device holds the certificate between.")
def _higher_authority_uploaded_and_intermediate_on_the_device() -> Scene:
    return fails(leaf(MIDDLE), MIDDLE.issued, why=Reason.CERTIFICATE_IS_A_CA)


@vector("A certificate of another authority is none.")
def _other_authority() -> Scene:
    return fails(leaf(SECOND), why=Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE)


@vector("A certificate that the device made itself is none.")
def _self_signed() -> Scene:
    own = root("laptop", cn="laptop-1", ca=None, key_usage=None, serial=7)
    return fails(own.issued, why=Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE)


@vector("Nor is one that it made in the authority's name.")
def _self_signed_in_the_name_of_the_authority() -> Scene:
    own = root("laptop", ca=False, key_usage=["digital_signature"], serial=7, aki=None)
    return fails(own.issued, why=Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE)


@vector("An authority of the same name has another key, and the certificate names that key.")
def _same_name_and_another_key() -> Scene:
    return fails(leaf(IMPOSTOR), why=Reason.AUTHORITY_KEY_MISMATCH)


@vector("Without an authority key identifier the signature tells.")
def _same_name_and_another_key_without_identifier() -> Scene:
    return fails(leaf(IMPOSTOR, aki=None), why=Reason.SIGNATURE_INVALID)


@vector("Whoever claims the right key did not sign with it.")
def _same_name_and_a_forged_key_identifier() -> Scene:
    return fails(leaf(IMPOSTOR, aki=ROOT.key_identifier), why=Reason.SIGNATURE_INVALID)


@vector("A certificate need not name its issuer's key.")
def _no_authority_key_identifier() -> Scene:
    return passes(leaf(ROOT, aki=None))


@vector("Where the signing certificate has no identifier there is nothing to compare.")
def _no_subject_key_identifier() -> Scene:
    plain = root(ski=False, aki=None)
    return passes(leaf(plain, aki=b"anything"), uploaded=(plain,))


def _named(serial: int, *names: str) -> x509.AuthorityKeyIdentifier:
    """Name the issuer by its own issuer's name and serial number too."""
    issuers = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in names]
    return x509.AuthorityKeyIdentifier(ROOT.key_identifier, [x509.DirectoryName(name) for name in issuers], serial)


@vector("An authority key identifier with name and serial number agrees in all three.")
def _authority_key_by_name_and_number() -> Scene:
    return passes(leaf(ROOT, aki=_named(1, "Example Root CA")))


@vector("Another serial number is another certificate of the authority.")
def _authority_key_with_another_number() -> Scene:
    return fails(leaf(ROOT, aki=_named(2, "Example Root CA")), why=Reason.AUTHORITY_KEY_MISMATCH)


@vector("So is another issuer of it.")
def _authority_key_with_another_name() -> Scene:
    return fails(leaf(ROOT, aki=_named(1, "Other CA")), why=Reason.AUTHORITY_KEY_MISMATCH)


@vector("Of several names the first counts.")
def _authority_key_with_two_names() -> Scene:
    return fails(leaf(ROOT, aki=_named(1, "Other CA", "Example Root CA")), why=Reason.AUTHORITY_KEY_MISMATCH)


@vector("One bit of the signature is turned over.")
def _broken_signature() -> Scene:
    return fails(with_broken_signature(LAPTOP), why=Reason.SIGNATURE_INVALID)


@vector("The signature is another certificate's.")
def _changed_content() -> Scene:
    other = leaf(ROOT, cn="laptop-2")
    mixed = der.tlv(0x30, der.parts(LAPTOP.der)[0], *der.parts(other.der)[1:])
    return fails(at(mixed), why=Reason.SIGNATURE_INVALID)


@vector("The algorithm inside the signed part is not the one outside (RFC 5280, 4.1.1.2).")
def _two_algorithm_identifiers() -> Scene:
    inner = der.tlv(0x30, der.oid("1.2.840.10045.4.3.3"))
    return fails(leaf(ROOT, parts={Part.ALGORITHM: inner}), why=Reason.SIGNATURE_INVALID)


@vector("A certificate authority's certificate is no device's, though the root signed it.")
def _certificate_with_ca_true() -> Scene:
    return fails(middle(ROOT).issued, why=Reason.CERTIFICATE_IS_A_CA)


@vector("Nor is one that may sign others by its key usage.")
def _certificate_with_cert_sign() -> Scene:
    odd = leaf(ROOT, key_usage=["digital_signature", "key_cert_sign"])
    return fails(odd, why=Reason.CERTIFICATE_IS_A_CA)


@vector("The signing certificate does not vouch for itself.")
def _signing_certificate_itself() -> Scene:
    return fails(ROOT.issued, why=Reason.CERTIFICATE_IS_A_CA)


@vector("An end entity need not say that it is one.")
def _certificate_without_basic_constraints() -> Scene:
    return passes(leaf(ROOT, ca=None))


@vector("A certificate of version 1 has no extensions, and passes where none is asked for.")
def _certificate_of_version_1() -> Scene:
    return passes(leaf(ROOT, parts={Part.VERSION: None, Part.EXTENSIONS: None}))


@vector("The last authority of a path may issue to devices.")
def _path_length_zero() -> Scene:
    last = root(path_length=0)
    return passes(leaf(last), uploaded=(last,))


@vector("A DNS name within the permitted ones passes.")
def _names_within_constraints() -> Scene:
    return passes(leaf(LIMITED, sans=[dns("laptop-1.corp.example")]), uploaded=(LIMITED,))


@vector("A DNS name outside the permitted ones does not.")
def _dns_name_outside_constraints() -> Scene:
    outside = leaf(LIMITED, sans=[dns("laptop-1.other.example")])
    return fails(outside, why=Reason.NAME_CONSTRAINT_VIOLATED, uploaded=(LIMITED,))


@vector("A name within the excluded ones does not pass.")
def _excluded_name() -> Scene:
    limited = root(name_constraints=constraints(excluded=[dns("lab.example")]))
    outside = leaf(limited, sans=[dns("laptop-1.lab.example")])
    return fails(outside, why=Reason.NAME_CONSTRAINT_VIOLATED, uploaded=(limited,))


@vector("Constraints on e-mail addresses hold too.")
def _email_outside_constraints() -> Scene:
    limited = root(name_constraints=constraints(permitted=[email("corp.example")]))
    outside = leaf(limited, sans=[email("jo@other.example")])
    return fails(outside, why=Reason.NAME_CONSTRAINT_VIOLATED, uploaded=(limited,))


@vector("Constraints on IP addresses hold too.")
def _address_outside_constraints() -> Scene:
    block = odd_extension(
        x509.NameConstraints.oid,
        der.tlv(0x30, der.tlv(0xA0, der.tlv(0x30, der.tlv(0x87, bytes([10, 0, 0, 0, 255, 0, 0, 0]))))),
        critical=True,
    )
    limited = root(extensions=[block])
    return fails(leaf(limited, sans=[ip("192.0.2.1")]), why=Reason.NAME_CONSTRAINT_VIOLATED, uploaded=(limited,))


@vector("A URI without a host cannot be within a constraint on hosts.")
def _uri_without_host_under_constraints() -> Scene:
    limited = root(name_constraints=constraints(permitted=[uri("corp.example")]))
    outside = leaf(limited, sans=[uri("urn:device:1")])
    return fails(outside, why=Reason.NAME_CONSTRAINT_VIOLATED, uploaded=(limited,))


@vector("A common name that looks like a host's counts as a DNS name where there is none.")
def _common_name_like_a_host_under_constraints() -> Scene:
    return fails(leaf(LIMITED, cn="www.other.example"), why=Reason.NAME_CONSTRAINT_VIOLATED, uploaded=(LIMITED,))


@vector("Whoever does not understand a critical extension refuses.")
def _unknown_critical_extension() -> Scene:
    return fails(leaf(ROOT, unknown_critical=True), why=Reason.UNKNOWN_CRITICAL_EXTENSION)


@vector("Also where the signing certificate has it.")
def _unknown_critical_extension_of_the_authority() -> Scene:
    odd = root(unknown_critical=True)
    return fails(leaf(odd), why=Reason.UNKNOWN_CRITICAL_EXTENSION, uploaded=(odd,))


@vector("One that is not critical is passed over, whatever is in it.")
def _unknown_extension() -> Scene:
    return passes(leaf(ROOT, extensions=[odd_extension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.9"), b"odd")]))


@vector("An odd extension that no criterion asks for does not hide a certificate.")
def _broken_extension_that_nobody_asks_for() -> Scene:
    return passes(leaf(ROOT, extensions=[odd_extension(x509.AuthorityInformationAccess.oid, b"odd")]))


@vector("One that a criterion reads makes the certificate malformed.")
def _broken_extension_that_is_asked_for() -> Scene:
    odd = odd_extension(x509.SubjectAlternativeName.oid, b"odd")
    return fails(leaf(ROOT, extensions=[odd]), why=Reason.MALFORMED_CERTIFICATE)


@vector("So does one of policies, which may stand for the evidence hardware.")
def _broken_policies() -> Scene:
    odd = odd_extension(x509.CertificatePolicies.oid, b"odd")
    return fails(leaf(ROOT, extensions=[odd]), why=Reason.MALFORMED_CERTIFICATE)


@vector("OpenSSL takes nobody for the issuer of a certificate whose extended key usage it cannot read.")
def _purpose_that_is_no_identifier() -> Scene:
    odd = odd_extension(x509.ExtendedKeyUsage.oid, der.tlv(0x30, der.integer(5)))
    return fails(leaf(ROOT, eku=None, extensions=[odd]), why=Reason.SIGNATURE_INVALID)


@vector("A certificate has one of each extension (RFC 5280, 4.2).")
def _extension_twice() -> Scene:
    odd = odd_extension(x509.ExtendedKeyUsage.oid, der.tlv(0x30, der.oid(ANY_PURPOSE)))
    return fails(leaf(ROOT, extensions=[odd]), why=Reason.MALFORMED_CERTIFICATE)


@vector("Also of those that nobody asks for.")
def _unknown_extension_twice() -> Scene:
    odd = odd_extension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.9"), b"odd")
    return fails(leaf(ROOT, extensions=[odd, odd]), why=Reason.MALFORMED_CERTIFICATE)


@vector("Bytes in a certificate's place that are none.")
def _no_certificate_at_all() -> Scene:
    return fails(at(b"not a certificate"), why=Reason.MALFORMED_CERTIFICATE)


@vector("A certificate without its last bytes.")
def _certificate_cut_short() -> Scene:
    return fails(at(LAPTOP.der[:-20]), why=Reason.MALFORMED_CERTIFICATE)


@vector("Something behind the certificate's end.")
def _bytes_behind_the_certificate() -> Scene:
    return fails(at(LAPTOP.der + b"\0\0"), why=Reason.MALFORMED_CERTIFICATE)


@vector("Something within the certificate, behind its signature.")
def _bytes_behind_the_signature() -> Scene:
    return fails(at(der.tlv(0x30, *der.parts(LAPTOP.der), der.tlv(5))), why=Reason.MALFORMED_CERTIFICATE)


@vector("Something behind the value of an extension that is asked for, where OpenSSL does not look.")
def _bytes_behind_an_extension() -> Scene:
    odd = odd_extension(x509.ExtendedKeyUsage.oid, der.tlv(0x30, der.oid(CLIENT_AUTH)) + b"\0\0")
    return fails(leaf(ROOT, eku=None, extensions=[odd]), why=Reason.MALFORMED_CERTIFICATE)


@vector("Outside the signed part, another form of a length would be another fingerprint of the same certificate.")
def _length_not_in_its_shortest_form() -> Scene:
    body, algorithm, signature = der.parts(LAPTOP.der)
    padded = der.tlv(0x30, body, algorithm, bytes([0x03, 0x81, signature[1]]) + signature[2:])
    return fails(at(padded), why=Reason.MALFORMED_CERTIFICATE)


@vector("A length may be left open in BER, and not in DER (X.690, 10.1).")
def _length_without_an_end() -> Scene:
    times = der.parts(der.parts(LAPTOP.der)[0])[Part.VALIDITY]
    opened = b"\x30\x80" + times[2:] + b"\0\0"
    return fails(leaf(ROOT, parts={Part.VALIDITY: opened}), why=Reason.MALFORMED_CERTIFICATE)


@vector("Nor does DER let a set of attributes claim to be of one piece.")
def _set_of_one_piece() -> Scene:
    subject = der.parts(der.parts(LAPTOP.der)[0])[Part.SUBJECT]
    return fails(leaf(ROOT, subject=subject.replace(b"\x31", b"\x11", 1)), why=Reason.MALFORMED_CERTIFICATE)


@vector("Times have seconds and end in Z (RFC 5280, 4.1.2.5.1).")
def _time_without_seconds() -> Scene:
    times = der.tlv(0x30, der.tlv(0x17, b"2601010000Z"), der.tlv(0x17, b"2701010000Z"))
    return fails(leaf(ROOT, parts={Part.VALIDITY: times}), why=Reason.MALFORMED_CERTIFICATE)


@vector("A serial number has an end; 64 bytes are three times what RFC 5280 allows.")
def _endless_serial_number() -> Scene:
    return fails(leaf(ROOT, serial=2**520), why=Reason.MALFORMED_CERTIFICATE)


@vector("So has an object identifier, at 128 bytes.")
def _endless_object_identifier() -> Scene:
    return fails(leaf(ROOT, subject=der.name(("1.2" + ".99999999" * 40, "x"))), why=Reason.MALFORMED_CERTIFICATE)


@vector("A serial number that is a little too long is taken, as there are many.")
def _long_serial_number() -> Scene:
    return passes(leaf(ROOT, serial=2**200))


@vector("More than a thousand alternative names are an attack on whoever compares them.")
def _more_names_than_are_compared() -> Scene:
    return fails(leaf(ROOT, sans=[dns("a")] * 1_001), why=Reason.MALFORMED_CERTIFICATE)


@vector("Whatever else OpenSSL refuses is malformed, with its number: here a proxy certificate (RFC 3820).")
def _proxy_certificate() -> Scene:
    policy = der.tlv(0x30, der.tlv(0x30, der.oid("1.3.6.1.5.5.7.21.1")))
    proxy = odd_extension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"), policy, critical=True)
    return fails(leaf(ROOT, extensions=[proxy]), why=Reason.MALFORMED_CERTIFICATE)
