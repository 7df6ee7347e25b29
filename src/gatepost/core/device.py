"""What is known of a device, and the templates in which a check names it (``${serial_number}`` and its kin).

Substitution is literal and in one pass: a value that itself looks like a variable stays text. A value that is missing,
or that is a manufacturer's filler, is never an empty or a wildcard match: it is ``device-fact-missing``.
Source: ``docs/reference/semantics.md``, section 3.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gatepost.core.name import fold
from gatepost.errors import InputError

VARIABLES: Final = ("serial_number", "hostname", "device_uuid")
"""The variables that a template may hold; each is a field of `DeviceFacts`."""

MAXIMUM_FACT_LENGTH: Final = 253
"""The longest a fact may be, in characters: as long as a host name (RFC 1035, 2.3.4)."""

_FILLERS: Final = frozenset(
    {
        "to be filled by o.e.m.",
        "default string",
        "none",
        "not specified",
        "system serial number",
        "123456789",
        "invalid",
    }
)
"""What manufacturers leave where a serial number belongs; many devices share each of them."""


class DeviceFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The facts that templates name; None means not known. ``hostname`` is the short name."""

    serial_number: str | None = None
    hostname: str | None = None
    device_uuid: str | None = None


def usable_fact(value: str | None) -> bool:
    """Tell whether ``value`` is 1 to 253 printable characters and no manufacturer's filler."""
    if value is None or not 0 < len(value) <= MAXIMUM_FACT_LENGTH or not value.isprintable():
        return False
    plain = value.strip().lower()
    digits = plain.replace("-", "")
    return bool(digits) and plain not in _FILLERS and set(digits) not in ({"0"}, {"f"})


def fact_key(value: str | None) -> str | None:
    """Return the form in which two devices' facts are compared, ASCII case set aside; None for what is missing or filler."""
    if value is None or not usable_fact(value):
        return None
    return fold(value.strip())


class Template(msgspec.Struct, frozen=True):
    """A parsed template: ``text`` as written, and ``parts``: a literal and a variable's name in turn, a literal first."""

    text: str
    parts: tuple[str, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables in it, in order."""
        return self.parts[1::2]


def parse_template(text: str, field: str) -> Template:
    """Parse ``text``; the `InputError` for an unknown variable, an unclosed ``${`` or an empty text names ``field``."""
    if not text:
        raise InputError(field, "is empty", "give a text, a variable, or both, such as ${serial_number}.corp.example")
    parts: list[str] = []
    rest = text
    while True:
        literal, opened, behind = rest.partition("${")
        parts.append(literal)
        if not opened:
            return Template(text, tuple(parts))
        variable, closed, rest = behind.partition("}")
        if not closed:
            raise InputError(field, f"has an unclosed ${{ in {text!r}", "close it: ${serial_number}")
        if variable not in VARIABLES:
            allowed = ", ".join(f"${{{name}}}" for name in VARIABLES)
            raise InputError(field, f"has the unknown variable ${{{variable}}}", f"allowed are {allowed}")
        parts.append(variable)


class MissingFact(msgspec.Struct, frozen=True):
    """A template could not be rendered because the device's ``variable`` is not known."""

    variable: str


def render_template(template: Template, facts: DeviceFacts) -> str | MissingFact:
    """Fill in the variables, once; a missing or unusable fact is a `MissingFact`."""
    rendered = []
    for index, part in enumerate(template.parts):
        if index % 2 == 0:
            rendered.append(part)
            continue
        value: str | None = getattr(facts, part)
        if value is None or not usable_fact(value):
            return MissingFact(part)
        rendered.append(value)
    return "".join(rendered)
