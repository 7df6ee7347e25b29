"""Section 1: at least one of the certificate's names equals at least one rendered template.

The certificate of most vectors has a name of each kind: ``Laptop-1.corp.example``, ``Jo@corp.example``,
``urn:device:Laptop-1``, 192.0.2.1, 2001:db8::a, and the user principal name ``Jo@ad.corp.example``.
"""

from __future__ import annotations

from cryptography import x509

from gatepost.core.reason import Reason
from tests import der
from tests.certificates import UPN, dns, upn
from tests.vectors.forge import leaf
from tests.vectors.scene import LAPTOP, NAMED, ROOT, fails, passes, refuses
from tests.vectors.vector import Scene, vector

SECTION = "1"


def _met(*asked: str) -> Scene:
    return passes(NAMED, subject_alternative_names=list(asked))


def _unmet(*asked: str) -> Scene:
    return fails(NAMED, why=Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH, subject_alternative_names=list(asked))


@vector("Without a prefix a DNS name is looked at, ASCII case set aside.")
def _dns_name() -> Scene:
    return _met("laptop-1.CORP.example")


@vector("Without a prefix an e-mail address is looked at.")
def _email_address() -> Scene:
    return _met("jo@corp.example")


@vector("Without a prefix a URI is looked at, and a colon in it is its own.")
def _uri() -> Scene:
    return _met("urn:device:laptop-1")


@vector("Without a prefix an IPv4 address is looked at.")
def _ipv4_address() -> Scene:
    return _met("192.0.2.1")


@vector("Addresses are compared as addresses, however they are written.")
def _ipv6_address_in_another_form() -> Scene:
    return _met("2001:0DB8:0:0:0::000A")


@vector("Without a prefix a user principal name is not looked at.")
def _upn_without_prefix() -> Scene:
    return _unmet("jo@ad.corp.example")


@vector("With upn: it is.")
def _upn_with_prefix() -> Scene:
    return _met("upn:jo@ad.corp.example")


@vector("With upn: nothing else is.")
def _upn_prefix_and_an_email_address() -> Scene:
    return _unmet("upn:jo@corp.example")


@vector("dns: looks at DNS names.")
def _dns_prefix() -> Scene:
    return _met("dns:laptop-1.corp.example")


@vector("email: looks at e-mail addresses.")
def _email_prefix() -> Scene:
    return _met("email:jo@corp.example")


@vector("uri: looks at URIs.")
def _uri_prefix() -> Scene:
    return _met("uri:urn:device:laptop-1")


@vector("ip: looks at addresses.")
def _ip_prefix() -> Scene:
    return _met("ip:2001:db8::a")


@vector("dns: does not look at e-mail addresses.")
def _dns_prefix_and_an_email_address() -> Scene:
    return _unmet("dns:jo@corp.example")


@vector("email: does not look at DNS names.")
def _email_prefix_and_a_dns_name() -> Scene:
    return _unmet("email:laptop-1.corp.example")


@vector("dns: does not look at addresses.")
def _dns_prefix_and_an_address() -> Scene:
    return _unmet("dns:192.0.2.1")


@vector("A prefix is lower case; another word before a colon is part of the name.")
def _prefix_in_capitals() -> Scene:
    return _unmet("DNS:laptop-1.corp.example")


@vector("An IPv4 address mapped into IPv6 is another address.")
def _mapped_address() -> Scene:
    return _unmet("ip:::ffff:192.0.2.1")


@vector("An ip: that no address can be is refused when the check is saved.")
def _ip_prefix_without_an_address() -> Scene:
    return refuses("/input/subject_alternative_names/0", subject_alternative_names=["ip:laptop-1.corp.example"])


@vector("One of several names asked for is enough.")
def _one_of_several() -> Scene:
    return _met("laptop-2.corp.example", "laptop-3.corp.example", "laptop-1.corp.example")


@vector("None of several is not.")
def _none_of_several() -> Scene:
    return _unmet("laptop-2.corp.example", "laptop-3.corp.example")


@vector("An asterisk in the check is an asterisk.")
def _asterisk_in_the_check() -> Scene:
    return _unmet("*.corp.example")


@vector("An asterisk in the certificate is one too: nobody looks for hosts under it.")
def _asterisk_in_the_certificate() -> Scene:
    issued = leaf(ROOT, sans=[dns("*.corp.example")])
    asked = ["laptop-1.corp.example"]
    return fails(issued, why=Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH, subject_alternative_names=asked)


@vector("A domain is not the hosts in it.")
def _domain() -> Scene:
    return _unmet("corp.example")


@vector("A certificate without alternative names has none; its common name does not stand for one.")
def _none() -> Scene:
    return fails(LAPTOP, why=Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH, subject_alternative_names=["laptop-1"])


@vector("A name with NUL equals nothing.")
def _nul() -> Scene:
    issued = leaf(ROOT, sans=[dns("laptop-1\0.example")])
    return fails(issued, why=Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH, subject_alternative_names=["laptop-1"])


@vector("The KELVIN SIGN in a user principal name is not the letter k.")
def _kelvin_sign() -> Scene:
    issued = leaf(ROOT, sans=[upn("\N{KELVIN SIGN}im@corp.example")])
    asked = ["upn:kim@corp.example"]
    return fails(issued, why=Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH, subject_alternative_names=asked)


@vector("The type of a user principal name's string says nothing.")
def _upn_as_bmp_string() -> Scene:
    issued = leaf(ROOT, sans=[upn("jö@corp.example", der.Text.BMP)])
    return passes(issued, subject_alternative_names=["upn:jö@corp.example"])


@vector("Names of other kinds neither match nor hide those beside them.")
def _other_kinds() -> Scene:
    others = [
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.DirectoryName(x509.Name([])),
        x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), der.text("laptop-2")),
        x509.OtherName(x509.ObjectIdentifier(UPN), der.integer(1)),
        dns("laptop-1"),
    ]
    return passes(leaf(ROOT, sans=others), subject_alternative_names=["laptop-1"])


@vector("Template and prefix go together.")
def _prefix_and_variable() -> Scene:
    return _met("dns:${hostname}.corp.example")


@vector("Common name and alternative name are both needed where both are asked for.")
def _and_a_common_name() -> Scene:
    asked = ["laptop-1.corp.example"]
    return fails(NAMED, why=Reason.COMMON_NAME_MISMATCH, cn="laptop-2", subject_alternative_names=asked)


@vector("An empty list asks for nothing that could be met, and is refused.")
def _empty_list() -> Scene:
    return refuses("/input/subject_alternative_names", subject_alternative_names=[])
