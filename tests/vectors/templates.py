"""Section 3: names with variables, and facts of the device."""

from __future__ import annotations

from gatepost.core.reason import Reason
from tests.certificates import dns
from tests.vectors.forge import leaf
from tests.vectors.scene import DEVICE, LAPTOP, ROOT, errs, fails, passes, refuses
from tests.vectors.vector import Scene, vector

SECTION = "3"


def _serial(value: str | None) -> dict[str, str]:
    """Give the device another serial number, or none."""
    rest = {name: fact for name, fact in DEVICE.items() if name != "serial_number"}
    return rest if value is None else {**rest, "serial_number": value}


def _unusable(value: str | None) -> Scene:
    """Ask for a serial number that is missing, by a certificate that has whatever it renders to."""
    name = value if value and value.isprintable() and len(value) < 60 else "x"
    return errs(leaf(ROOT, cn=name), why=Reason.DEVICE_FACT_MISSING, cn="${serial_number}", device=_serial(value))


def _usable(value: str) -> Scene:
    return passes(leaf(ROOT, cn=f"id-{value}"), cn="id-${serial_number}", device=_serial(value))


@vector("The serial number is put in its place.")
def _serial_number() -> Scene:
    return passes(leaf(ROOT, cn="SN-4711"), cn="${serial_number}")


@vector("So is the host name.")
def _hostname() -> Scene:
    return passes(LAPTOP, cn="${hostname}")


@vector("So is the hardware's UUID.")
def _device_uuid() -> Scene:
    return passes(leaf(ROOT, cn=DEVICE["device_uuid"].upper()), cn="${device_uuid}")


@vector("Several variables and literals make one name.")
def _several_variables() -> Scene:
    asked = "${hostname}.${serial_number}.${hostname}.corp"
    return passes(leaf(ROOT, cn="laptop-1.sn-4711.laptop-1.corp"), cn=asked)


@vector("Another device's name is no match.")
def _another_device() -> Scene:
    return fails(leaf(ROOT, cn="SN-4712"), why=Reason.COMMON_NAME_MISMATCH, cn="${serial_number}")


@vector("A value that looks like a variable stays as it is.")
def _value_like_a_variable() -> Scene:
    return _usable("${hostname}")


@vector("And is not filled in.")
def _value_like_a_variable_is_not_filled_in() -> Scene:
    device = _serial("${hostname}")
    return fails(leaf(ROOT, cn="id-laptop-1"), why=Reason.COMMON_NAME_MISMATCH, cn="id-${serial_number}", device=device)


@vector("Two values that make a variable together are two values.")
def _values_that_make_a_variable() -> Scene:
    device = {**_serial("${host"), "hostname": "name}"}
    asked = "${serial_number}${hostname}"
    return fails(LAPTOP, why=Reason.COMMON_NAME_MISMATCH, cn=asked, device=device)


@vector("A value that is an asterisk matches an asterisk and nothing else.")
def _value_like_a_wildcard() -> Scene:
    device = _serial("*")
    return fails(leaf(ROOT, cn="id-1"), why=Reason.COMMON_NAME_MISMATCH, cn="id-${serial_number}", device=device)


@vector("A value may have any printable characters.")
def _value_of_odd_characters() -> Scene:
    return _usable("a b/c:d*é")


@vector("A value that is not known is an error, and never an empty match.")
def _missing_value() -> Scene:
    return _unusable(None)


@vector("So is an empty one.")
def _empty_value() -> Scene:
    return _unusable("")


@vector("So is one of white space alone.")
def _blank_value() -> Scene:
    return _unusable("  ")


@vector("So is one of 254 characters.")
def _long_value() -> Scene:
    return _unusable("x" * 254)


@vector("So is one with NUL.")
def _value_with_nul() -> Scene:
    return _unusable("SN\0")


@vector("So is one with a mark that turns the writing round.")
def _value_with_a_direction_mark() -> Scene:
    return _unusable("SN\N{RIGHT-TO-LEFT OVERRIDE}")


@vector("Filler counts as missing: To be filled by O.E.M.")
def _filler_to_be_filled() -> Scene:
    return _unusable("To be filled by O.E.M.")


@vector("Filler counts as missing, in any case: default string.")
def _filler_default_string() -> Scene:
    return _unusable("default string")


@vector("Filler counts as missing: None.")
def _filler_none() -> Scene:
    return _unusable("None")


@vector("Filler counts as missing: Not Specified.")
def _filler_not_specified() -> Scene:
    return _unusable("Not Specified")


@vector("Filler counts as missing: System Serial Number.")
def _filler_system_serial_number() -> Scene:
    return _unusable("System Serial Number")


@vector("Filler counts as missing: 0.")
def _filler_zero() -> Scene:
    return _unusable("0")


@vector("Filler counts as missing: zeros.")
def _filler_zeros() -> Scene:
    return _unusable("00000000-0000-0000-0000-000000000000")


@vector("Filler counts as missing: 123456789.")
def _filler_count() -> Scene:
    return _unusable("123456789")


@vector("Filler counts as missing: INVALID.")
def _filler_invalid() -> Scene:
    return _unusable("INVALID")


@vector("Filler counts as missing: F.")
def _filler_f() -> Scene:
    return _unusable("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF")


@vector("A value that holds filler among other things is a value.")
def _almost_filler() -> Scene:
    return _usable("1234567890")


@vector("A fact that is missing is an error also where another name of the check would be met.")
def _missing_value_beside_a_name_that_is_met() -> Scene:
    asked = ["${hostname}", "${serial_number}"]
    issued = leaf(ROOT, sans=[dns("laptop-1")])
    return errs(issued, why=Reason.DEVICE_FACT_MISSING, subject_alternative_names=asked, device=_serial(None))


@vector("The other criteria keep their reasons beside it.")
def _missing_value_beside_other_reasons() -> Scene:
    why = (Reason.DEVICE_FACT_MISSING, Reason.EXTENDED_KEY_USAGE_MISSING)
    issued = leaf(ROOT, eku=None)
    return errs(issued, why=why, cn="${serial_number}", extended_key_usage=["clientAuth"], device=_serial(None))


@vector("Without a certificate the missing fact is still the cause.")
def _missing_value_without_a_certificate() -> Scene:
    return errs(why=Reason.DEVICE_FACT_MISSING, cn="${serial_number}", device=_serial(None))


@vector("A fact that no template names may be missing.")
def _missing_value_that_nobody_asks_for() -> Scene:
    return passes(LAPTOP, cn="${hostname}", device={"hostname": "laptop-1"})


@vector("A dollar sign that opens no variable is a dollar sign.")
def _dollar_sign() -> Scene:
    return passes(leaf(ROOT, cn="$5 {hostname}"), cn="$5 {hostname}")


@vector("An unknown variable is refused when the check is saved.")
def _unknown_variable() -> Scene:
    return refuses("/input/cn", cn="${user}")


@vector("Variables are lower case.")
def _variable_in_capitals() -> Scene:
    return refuses("/input/cn", cn="${HOSTNAME}")


@vector("A variable that is not closed is refused.")
def _unclosed_variable() -> Scene:
    return refuses("/input/cn", cn="id-${serial_number")


@vector("A variable within a variable is refused.")
def _variable_within_a_variable() -> Scene:
    return refuses("/input/subject_alternative_names/1", subject_alternative_names=["a", "dns:${${hostname}}"])


@vector("A template with nothing in it is refused.")
def _empty_template() -> Scene:
    return refuses("/input/subject_alternative_names/0", subject_alternative_names=["dns:"])


@vector("A template with characters that do not print can match nothing, and is refused.")
def _template_with_control_characters() -> Scene:
    return refuses("/input/cn", cn="laptop\n1")
