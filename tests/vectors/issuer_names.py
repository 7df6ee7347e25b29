"""Section 2, step 3: how the issuer's name is compared with the signing certificate's subject (RFC 5280, 7.1)."""

from __future__ import annotations

from gatepost.core.reason import Reason
from tests import der
from tests.vectors.forge import leaf, relative_name, root
from tests.vectors.scene import fails, passes
from tests.vectors.vector import Scene, vector

SECTION = "2"


def _same(subject: bytes, issuer: bytes) -> Scene:
    authority = root(subject=subject)
    return passes(leaf(authority, issuer=issuer), uploaded=(authority,))


def _another(subject: bytes, issuer: bytes) -> Scene:
    authority = root(subject=subject)
    return fails(leaf(authority, issuer=issuer), why=Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE, uploaded=(authority,))


@vector("The case of ASCII letters is set aside.")
def _case() -> Scene:
    return _same(der.name(("CN", "Example Root CA")), der.name(("CN", "EXAMPLE root ca")))


@vector("White space around words and between them is folded.")
def _white_space() -> Scene:
    return _same(der.name(("CN", "Example Root CA")), der.name(("CN", "  Example   Root CA ")))


@vector("White space that parts two words is not nothing.")
def _missing_white_space() -> Scene:
    return _another(der.name(("CN", "Example Root CA")), der.name(("CN", "ExampleRoot CA")))


@vector("PrintableString and UTF8String are types of the same text.")
def _printable_and_utf8() -> Scene:
    return _same(der.name(("CN", "Example Root CA", der.Text.PRINTABLE)), der.name(("CN", "Example Root CA")))


@vector("So are BMPString and UTF8String, also beyond ASCII.")
def _bmp_and_utf8() -> Scene:
    return _same(der.name(("CN", "Prüfstelle €", der.Text.BMP)), der.name(("CN", "Prüfstelle €")))


@vector("TeletexString is read as Latin-1.")
def _teletex_and_utf8() -> Scene:
    return _same(der.name(("CN", "Prüfstelle", der.Text.TELETEX)), der.name(("CN", "Prüfstelle")))


@vector("The KELVIN SIGN is not the letter k.")
def _kelvin_sign() -> Scene:
    return _another(der.name(("CN", "Kilo CA")), der.name(("CN", "\N{KELVIN SIGN}ilo CA")))


@vector("The case of letters beyond ASCII counts.")
def _case_beyond_ascii() -> Scene:
    return _another(der.name(("CN", "Prüfstelle")), der.name(("CN", "PRÜFSTELLE")))


@vector("The order of the attributes within one relative name says nothing.")
def _order_within_a_relative_name() -> Scene:
    return _same(relative_name(("CN", "CA"), ("O", "Example")), relative_name(("O", "Example"), ("CN", "CA")))


@vector("The order of relative names counts.")
def _order_of_relative_names() -> Scene:
    return _another(der.name(("O", "Example"), ("CN", "CA")), der.name(("CN", "CA"), ("O", "Example")))


@vector("Two attributes of one relative name are not two relative names.")
def _one_relative_name_or_two() -> Scene:
    return _another(relative_name(("O", "Example"), ("CN", "CA")), der.name(("O", "Example"), ("CN", "CA")))


@vector("The same text under another attribute is another name.")
def _another_attribute() -> Scene:
    return _another(der.name(("O", "Example")), der.name(("OU", "Example")))


@vector("A name with one attribute more is another name.")
def _one_attribute_more() -> Scene:
    return _another(der.name(("CN", "CA")), der.name(("CN", "CA"), ("OU", "")))
