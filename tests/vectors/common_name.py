"""Section 1: the subject has exactly one common name, and it equals the rendered template."""

from __future__ import annotations

from gatepost.core.reason import Reason
from tests import der
from tests.certificates import dns
from tests.vectors.forge import leaf, relative_name
from tests.vectors.scene import LAPTOP, ROOT, fails, passes
from tests.vectors.vector import Scene, vector

SECTION = "1"


def _other(asked: str, name: str) -> Scene:
    return fails(leaf(ROOT, cn=name), why=Reason.COMMON_NAME_MISMATCH, cn=asked)


@vector("The same name passes.")
def _equal() -> Scene:
    return passes(LAPTOP, cn="laptop-1")


@vector("The case of ASCII letters is set aside, on both sides.")
def _case() -> Scene:
    return passes(leaf(ROOT, cn="LapTop-1"), cn="lAPTOP-1")


@vector("A check without a common name asks for none.")
def _not_asked() -> Scene:
    return passes(leaf(ROOT, cn="whatever"))


@vector("An empty common name asks for none either.")
def _empty() -> Scene:
    return passes(leaf(ROOT, cn="whatever"), cn="")


@vector("The beginning of a name is not the name.")
def _prefix() -> Scene:
    return _other("laptop-1", "laptop-10")


@vector("Nor is its end.")
def _suffix() -> Scene:
    return _other("laptop-1", "my-laptop-1")


@vector("An asterisk in the check is an asterisk.")
def _asterisk_in_the_check() -> Scene:
    return _other("*", "laptop-1")


@vector("An asterisk in the certificate is one too.")
def _asterisk_in_the_certificate() -> Scene:
    return _other("laptop-1", "*")


@vector("The KELVIN SIGN is not the letter k.")
def _kelvin_sign() -> Scene:
    return _other("k", "\N{KELVIN SIGN}")


@vector("The LATIN SMALL LETTER LONG S is not the letter s.")
def _long_s() -> Scene:
    return _other("s", "\N{LATIN SMALL LETTER LONG S}")


@vector("Letters beyond ASCII equal themselves.")
def _beyond_ascii() -> Scene:
    return passes(leaf(ROOT, cn="gerät-1"), cn="gerät-1")


@vector("And not those of another case.")
def _case_beyond_ascii() -> Scene:
    return _other("gerät-1", "GERÄT-1")


@vector("A letter with its mark is not the letter followed by the mark: nothing is normalized.")
def _composed_and_decomposed() -> Scene:
    return _other("gerät-1", "gera\N{COMBINING DIAERESIS}t-1")


@vector("White space counts: here names are compared whole, and not as issuers are.")
def _white_space() -> Scene:
    return _other("laptop 1", "laptop  1")


@vector("White space around a name counts too.")
def _white_space_around() -> Scene:
    return _other("laptop-1", "laptop-1 ")


@vector("A name with NUL equals nothing, whatever stands before it.")
def _nul() -> Scene:
    return _other("laptop-1", "laptop-1\0.example")


@vector("Nor does one with another character that does not print.")
def _control_character() -> Scene:
    return _other("laptop-1", "laptop-1\N{RIGHT-TO-LEFT MARK}")


@vector("The type of the string says nothing: PrintableString.")
def _printable_string() -> Scene:
    return passes(leaf(ROOT, subject=der.name(("CN", "laptop-1", der.Text.PRINTABLE))), cn="laptop-1")


@vector("The type of the string says nothing: BMPString.")
def _bmp_string() -> Scene:
    return passes(leaf(ROOT, subject=der.name(("CN", "gerät-1", der.Text.BMP))), cn="gerät-1")


@vector("The type of the string says nothing: TeletexString, read as Latin-1.")
def _teletex_string() -> Scene:
    return passes(leaf(ROOT, subject=der.name(("CN", "gerät-1", der.Text.TELETEX))), cn="gerät-1")


@vector("A subject without a common name has none.")
def _missing() -> Scene:
    return fails(leaf(ROOT, subject=der.name(("O", "laptop-1"))), why=Reason.COMMON_NAME_MISSING, cn="laptop-1")


@vector("Nor has an empty subject, whatever the alternative names are.")
def _empty_subject() -> Scene:
    issued = leaf(ROOT, cn=None, sans=[dns("laptop-1")])
    return fails(issued, why=Reason.COMMON_NAME_MISSING, cn="laptop-1")


@vector("Two common names are ambiguous, also when one of them is the right one.")
def _two() -> Scene:
    return fails(leaf(ROOT, cn=["laptop-1", "laptop-2"]), why=Reason.COMMON_NAME_AMBIGUOUS, cn="laptop-1")


@vector("So are two equal ones.")
def _two_equal() -> Scene:
    return fails(leaf(ROOT, cn=["laptop-1", "laptop-1"]), why=Reason.COMMON_NAME_AMBIGUOUS, cn="laptop-1")


@vector("So are two in one relative name.")
def _two_in_one_relative_name() -> Scene:
    issued = leaf(ROOT, subject=relative_name(("CN", "laptop-1"), ("CN", "laptop-2")))
    return fails(issued, why=Reason.COMMON_NAME_AMBIGUOUS, cn="laptop-1")


@vector("One common name beside other attributes of its relative name is one.")
def _beside_another_attribute() -> Scene:
    return passes(leaf(ROOT, subject=relative_name(("CN", "laptop-1"), ("O", "Example"))), cn="laptop-1")


@vector("A DNS name is no common name.")
def _in_the_alternative_names() -> Scene:
    issued = leaf(ROOT, cn="laptop-2", sans=[dns("laptop-1")])
    return fails(issued, why=Reason.COMMON_NAME_MISMATCH, cn="laptop-1")
