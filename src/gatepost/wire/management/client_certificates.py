"""The two types of posture rule that are evaluated, and their ``input``, read into the values of ``core``.

A field that is not known here is refused: a criterion that was misspelt, or that only the reference knows, would otherwise
let more certificates pass than was meant. A field whose value is null counts as left out, as clients send it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Final

import msgspec

from gatepost.core.check import (
    MAXIMUM_NAME_TEMPLATES,
    MAXIMUM_PATHS,
    Locations,
    NameTemplate,
    OperatingSystem,
    Purpose,
    TrustStore,
    parse_name_template,
)
from gatepost.core.device import Template, parse_template
from gatepost.core.extensions import NameKind
from gatepost.core.token_uri import SCHEME, parse_token_uri
from gatepost.errors import InputError
from gatepost.wire.management.strict import convert_strictly, shown

MAXIMUM_TEXT: Final = 1_024
"""The longest name or path in a rule, in characters: as long as a report can carry."""

Text = Annotated[str, msgspec.Meta(max_length=MAXIMUM_TEXT)]

_WITHOUT_AGENT: Final = frozenset({"android", "ios", "chromeos"})
_WINDOWS_PATH: Final = re.compile(r"[A-Za-z]:[\\/]")


class Platform(StrEnum):
    """The platforms that a rule's ``match`` can name."""

    WINDOWS = "windows"
    MAC = "mac"
    LINUX = "linux"
    ANDROID = "android"
    IOS = "ios"
    CHROMEOS = "chromeos"


class LocationsInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where to look: absolute ``paths`` of PEM files, and stores by word."""

    paths: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MAXIMUM_PATHS)] | None = None
    trust_stores: Annotated[tuple[TrustStore, ...], msgspec.Meta(max_length=8)] | None = None


class ClientCertificateV2Input(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The ``input`` of ``client_certificate_v2``."""

    certificate_id: Text
    check_private_key: bool
    operating_system: OperatingSystem
    cn: Text | None = None
    extended_key_usage: Annotated[tuple[Purpose, ...], msgspec.Meta(max_length=8)] | None = None
    locations: LocationsInput | None = None
    subject_alternative_names: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MAXIMUM_NAME_TEMPLATES)] | None = (
        None
    )


class ClientCertificateInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``input`` of the older ``client_certificate``."""

    certificate_id: Text
    cn: Annotated[str, msgspec.Meta(min_length=1, max_length=MAXIMUM_TEXT)]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule asks of a certificate, whichever type it has. ``systems`` has at least one."""

    certificate_id: str
    systems: tuple[OperatingSystem, ...]
    common_name: Template | None = None
    alternative_names: tuple[NameTemplate, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    asks_key: bool | None = None
    """None: the type has no such field, and the evidence asked for decides."""
    locations: Locations = Locations()


def parse_v2(given: dict[str, object], platforms: tuple[Platform, ...]) -> Question:
    """Read the input of a ``client_certificate_v2``; raises `InputError` below ``/input`` or ``/match``."""
    _refuse_without_agent(given, platforms)
    document = convert_strictly(_present(given), ClientCertificateV2Input, "/input")
    names = document.subject_alternative_names
    if names == ():
        raise InputError("/input/subject_alternative_names", "is empty", "give a name, or leave the field out")
    return Question(
        certificate_id=document.certificate_id,
        systems=(document.operating_system,),
        common_name=_common_name(document.cn),
        alternative_names=tuple(_name(text, index) for index, text in enumerate(names or ())),
        purposes=tuple(dict.fromkeys(document.extended_key_usage or ())),
        asks_key=document.check_private_key,
        locations=_locations(document.locations, document.operating_system),
    )


def parse_v1(given: dict[str, object], platforms: tuple[Platform, ...]) -> Question:
    """Read the input of the older ``client_certificate``, which looks in the default stores of what ``match`` names."""
    document = convert_strictly(_present(given), ClientCertificateInput, "/input")
    systems = tuple(system for system in OperatingSystem if not platforms or Platform(system.value) in platforms)
    if not systems:
        allowed = f"one of {', '.join(OperatingSystem)} among them"
        raise InputError("/match", f"names only {', '.join(platforms)}, for which there is no agent", allowed)
    return Question(certificate_id=document.certificate_id, systems=systems, common_name=_common_name(document.cn))


def _present(given: dict[str, object]) -> dict[str, object]:
    """Leave out what is null, one level deep in ``locations`` too."""
    kept = {name: value for name, value in given.items() if value is not None}
    places = kept.get("locations")
    if isinstance(places, dict):
        kept["locations"] = {name: value for name, value in places.items() if value is not None}
    return kept


def _refuse_without_agent(given: dict[str, object], platforms: tuple[Platform, ...]) -> None:
    allowed = f"allowed are {', '.join(OperatingSystem)}"
    system = given.get("operating_system")
    if isinstance(system, str) and system in _WITHOUT_AGENT:
        raise InputError("/input/operating_system", f"is {system}, for which there is no agent", allowed)
    for index, platform in enumerate(platforms):
        if platform in _WITHOUT_AGENT:
            problem = f"is {platform}, for which there is no agent that could look at certificates"
            raise InputError(f"/match/{index}/platform", problem, allowed)


def _common_name(text: str | None) -> Template | None:
    """Read ``cn``; an empty one asks for nothing, as in the reference."""
    return parse_template(_printable(text, "/input/cn"), "/input/cn") if text else None


def _name(text: str, index: int) -> NameTemplate:
    field = f"/input/subject_alternative_names/{index}"
    name = parse_name_template(_printable(text, field), field)
    if name.kind is NameKind.IP and not name.template.variables:
        _parse_address(name.template.text, field)
    return name


def _parse_address(text: str, field: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise InputError(field, f"has no IP address in ip:{shown(text)[1:-1]}", "such as ip:192.0.2.1") from None


def _printable(text: str, field: str) -> str:
    if not text.isprintable():
        problem = f"is {shown(text)}, which has characters that do not print and can match no certificate"
        raise InputError(field, problem, "letters, digits, punctuation and variables such as ${serial_number}")
    return text


def _locations(given: LocationsInput | None, system: OperatingSystem) -> Locations:
    if given is None or (given.paths is None and given.trust_stores is None):
        return Locations()
    paths = given.paths or ()
    for index, path in enumerate(paths):
        _check_path(path, system, f"/input/locations/paths/{index}")
    if not paths and not given.trust_stores:
        raise InputError("/input/locations", "names no place", "give trust_stores or paths, or leave locations out")
    return Locations(trust_stores=tuple(dict.fromkeys(given.trust_stores or ())), paths=paths)


def _check_path(path: str, system: OperatingSystem, field: str) -> None:
    """Refuse what is no absolute path; what lies there, and whose it is, the device looks at (section 6)."""
    if not path.isprintable():
        raise InputError(field, f"is {shown(path)}", "a path without control characters")
    if path.startswith(SCHEME):
        parse_token_uri(path, field)
        return
    if "${" in path:
        raise InputError(field, f"is {shown(path)}", "variables are for names; a path stands as it is")
    windows = system is OperatingSystem.WINDOWS
    if not (_WINDOWS_PATH.match(path) if windows else path.startswith("/")):
        example = r"C:\ProgramData\Example\client.pem" if windows else "/etc/ssl/client.pem"
        raise InputError(field, f"is {shown(path)}, no absolute path on {system}", f"such as {example}")
    if ".." in re.split(r"[\\/]" if windows else "/", path):
        raise InputError(field, f"is {shown(path)}", "a path without ..")
