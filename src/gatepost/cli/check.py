"""``gatepost check``: one check on this device, without any server."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

import click
import msgspec

from gatepost.agent.gather import Gathered, gather
from gatepost.agent.host import read_host
from gatepost.cli.choice import Choice
from gatepost.cli.places import SYSTEM, find_stores
from gatepost.cli.settings import SETTINGS, read_agent_settings
from gatepost.core.certificate import Certificate, Malformed, examine_authority, parse_certificate
from gatepost.core.check import (
    Check,
    Evidence,
    Locations,
    OperatingSystem,
    Purpose,
    TrustStore,
    default_evidence,
    parse_name_template,
)
from gatepost.core.device import VARIABLES, parse_template
from gatepost.core.evaluation import Evaluation, Status
from gatepost.core.pem import scan_pem
from gatepost.core.reason import Reason
from gatepost.core.token_uri import SCHEME, parse_token_uri
from gatepost.errors import InputError

if TYPE_CHECKING:
    from gatepost.wire.management.check_options import CheckOptions

_MAXIMUM_FILE: Final = 256 * 1024
_FLAGS: Final = {
    "evidence": "--evidence",
    "locations": "--store and --path",
    "locations.paths": "--path",
    "subject_alternative_names": "--san",
}
"""The flags behind the fields that a check refuses."""
EXIT_CODES: Final = {Status.PASS: 0, Status.FAIL: 1, Status.ERROR: 3}


class Options(TypedDict):
    """The flags as click gives them."""

    rule: Path | None
    issuer: Path
    cn: str | None
    san: tuple[str, ...]
    eku: tuple[str, ...]
    private_key: bool
    store: tuple[str, ...]
    nssdb: tuple[str, ...]
    keychain: tuple[str, ...]
    path: tuple[str, ...]
    evidence: str | None
    hardware_policy: tuple[str, ...]
    device: tuple[str, ...]
    now: str | None
    explain: bool
    config: Path | None
    form: str


@click.command(short_help="One check on this device, without any server.")
@click.option("--issuer", type=click.Path(path_type=Path), required=True, help="The signing certificates, PEM.")
@click.option(
    "--rule", type=click.Path(path_type=Path), help="The check as the API takes it, JSON, instead of the flags."
)
@click.option("--cn", help="Common name, with ${serial_number}, ${hostname} or ${device_uuid}.")
@click.option(
    "--san", multiple=True, help="Subject alternative name; dns: email: uri: ip: upn: fix the kind. Repeatable."
)
@click.option(
    "--eku", multiple=True, type=Choice([item.value for item in Purpose]), help="Extended key usage. Repeatable."
)
@click.option("--private-key", is_flag=True, help="The private key must be there, and sign where it can.")
@click.option("--evidence", type=Choice([item.value for item in Evidence]), help="How sure it has to be.")
@click.option(
    "--hardware-policy",
    multiple=True,
    metavar="OID",
    help="This certificate policy stands for a key in hardware. Repeatable.",
)
@click.option(
    "--store",
    multiple=True,
    type=Choice([item.value for item in TrustStore]),
    help="Look in this store. Repeatable.",
)
@click.option("--nssdb", multiple=True, metavar="DIR", help="Look in this NSS database. Repeatable.")
@click.option("--keychain", multiple=True, metavar="FILE", help="Look in this macOS keychain file. Repeatable.")
@click.option("--path", multiple=True, metavar="FILE", help="Look in this PEM file. Repeatable.")
@click.option("--device", multiple=True, metavar="FACT=VALUE", help="Use this fact instead of reading it. Repeatable.")
@click.option("--now", metavar="RFC3339", help="Judge at this instant instead of now.")
@click.option("--explain", is_flag=True, help="Show every certificate against every criterion.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="GATEPOST_AGENT_CONFIG",
    help=f"The device's own settings, TOML. [default: {SETTINGS}, where it exists]",
)
@click.option("--format", "form", type=Choice(["text", "json"]), default="text", show_default=True)
def check(**options: Unpack[Options]) -> None:
    """Look for a certificate that your certificate authority issued to this device.

    Exit codes: 0 pass, 1 fail, 2 wrong usage or input, 3 could not look.
    """
    now = read_instant(options["now"])
    settings = read_agent_settings(options["config"])
    host = read_host(settings.facts | read_facts(options["device"]))
    authorities = read_authorities(options["issuer"])
    asked, locations = _asked(options, authorities)
    system = _system(options)
    if asked.operating_system is not system:
        evaluation = Evaluation(
            status=Status.ERROR, reasons=(Reason.NOT_APPLICABLE,), detail="the check is for another system"
        )
        gathered = Gathered(evaluation=evaluation, signatures={}, too_many=False, commands={})
    else:
        named = {"nssdb": options["nssdb"], "keychains": options["keychain"]}
        settings = msgspec.structs.replace(settings, **{name: value for name, value in named.items() if value})
        stores = find_stores(locations, settings, system)
        gathered = gather(asked, host.facts, stores, now, _statement)
    _print(gathered, options)
    sys.exit(EXIT_CODES[gathered.evaluation.status])


def _system(options: Options) -> OperatingSystem:
    """Return the system whose check this is: a store of another one can be looked into here, where it is a file."""
    if options["keychain"] and options["nssdb"]:
        raise InputError("--keychain", "cannot go with --nssdb", "each is the store of another system")
    if options["keychain"]:
        return OperatingSystem.MAC
    return OperatingSystem.LINUX if options["nssdb"] else SYSTEM


def _asked(options: Options, authorities: tuple[Certificate, ...]) -> tuple[Check, Locations]:
    """Return the check and where it looks, from the rule file or from the flags."""
    if options["rule"] is not None:
        _refuse_both(options)
        from gatepost.cli.rule import read_rule

        asked = read_rule(options["rule"], authorities, _check_options(options))
    else:
        try:
            asked = _from_flags(options, authorities)
        except InputError as error:
            raise InputError(_FLAGS.get(error.field, error.field), error.problem, error.allowed) from error
    locations = asked.locations
    if (options["nssdb"] or options["keychain"]) and TrustStore.SYSTEM not in locations.trust_stores:
        # A database or keychain named here stands for the system's store, so that a person can look into any.
        locations = Locations((*locations.trust_stores, TrustStore.SYSTEM), locations.paths)
    return asked, locations


def _refuse_both(options: Options) -> None:
    for flag in ("cn", "san", "eku", "private_key", "store", "path"):
        if options[flag]:
            raise InputError(f"--{flag.replace('_', '-')}", "cannot go with --rule", "the rule file says it all")


def _check_options(options: Options) -> CheckOptions:
    """Return what does not stand in a rule itself."""
    from gatepost.wire.management.check_options import CheckOptions

    evidence = Evidence(options["evidence"]) if options["evidence"] else None
    try:
        return CheckOptions(evidence=evidence, hardware_policies=options["hardware_policy"])
    except InputError as error:
        raise InputError("--hardware-policy", error.problem, error.allowed) from error


def _from_flags(options: Options, authorities: tuple[Certificate, ...]) -> Check:
    asks_key = options["private_key"] or options["evidence"] not in {None, Evidence.REPORTED}
    named = Evidence(options["evidence"]) if options["evidence"] else None
    if named is Evidence.HARDWARE or options["hardware_policy"]:
        _check_options(options)
    stores = tuple(TrustStore(item) for item in options["store"])
    if not stores and not options["path"]:
        stores = (TrustStore.SYSTEM,)
    system = _system(options)
    for path in options["path"]:
        _refuse_path(path)
    return Check(
        id="local",
        authorities=authorities,
        common_name=parse_template(options["cn"], "--cn") if options["cn"] else None,
        alternative_names=tuple(parse_name_template(item, "--san") for item in options["san"]),
        purposes=tuple(Purpose(item) for item in options["eku"]),
        asks_key=asks_key,
        evidence=named or default_evidence(system, asks_key=asks_key),
        hardware_policies=options["hardware_policy"],
        operating_system=system,
        locations=Locations(stores, options["path"]),
    )


def _refuse_path(path: str) -> None:
    if path.startswith(SCHEME):
        parse_token_uri(path, "--path")
    elif not path.startswith("/"):
        raise InputError("--path", f"is not absolute: {path!r}", f"write {str(Path(path).absolute())!r}")


def read_instant(text: str | None) -> datetime:
    """Return the instant that ``--now`` gives, or the clock's."""
    if text is None:
        return datetime.now(UTC)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise InputError("--now", f"is not an instant with a time zone: {text!r}", "such as 2026-06-01T12:00:00Z")
    return instant


def read_facts(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the facts that ``--device`` replaces; raises `InputError` for a name that is none."""
    facts = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in VARIABLES:
            raise InputError(
                "--device", f"is not a fact and its value: {pair!r}", f"FACT=VALUE with {', '.join(VARIABLES)}"
            )
        facts[name] = value
    return facts


def read_authorities(path: Path) -> tuple[Certificate, ...]:
    """Read the signing certificates; raises `InputError` where the file holds none, or one that is no CA."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAXIMUM_FILE + 1)
    except OSError as error:
        raise InputError("--issuer", f"cannot be read: {path}: {error.strerror}") from error
    if len(text) > _MAXIMUM_FILE:
        raise InputError("--issuer", f"is larger than {_MAXIMUM_FILE} bytes: {path}")
    blocks = [block for block in scan_pem(text.decode("ascii", "replace")) if block.label == "CERTIFICATE"]
    if not blocks:
        raise InputError("--issuer", f"holds no certificate: {path}", "PEM, with BEGIN CERTIFICATE")
    return tuple(_authority(parse_certificate(block.content or b""), path) for block in blocks)


def _authority(certificate: Certificate | Malformed, path: Path) -> Certificate:
    if isinstance(certificate, Malformed):
        raise InputError("--issuer", f"holds a certificate that cannot be read: {path}: {certificate.detail}")
    refusal = examine_authority(certificate)
    if refusal is not None:
        problem = f"holds {certificate.subject.text}, which cannot issue certificates: {refusal.found}"
        raise InputError("--issuer", problem, f"a CA certificate: {refusal.expected}")
    return certificate


def _statement(certificate: Certificate) -> bytes:
    """Return a throw-away statement: it proves the key to this process, and nothing to anybody else."""
    from gatepost.core.possession import NONCE_LENGTH, build_statement

    return build_statement("gatepost check", os.urandom(32), os.urandom(NONCE_LENGTH), certificate.sha256)


def _print(gathered: Gathered, options: Options) -> None:
    if options["form"] == "json":
        from gatepost.cli.shown import to_document

        click.echo(msgspec.json.format(msgspec.json.encode(to_document(gathered, explain=options["explain"]))).decode())
        return
    from gatepost.cli.shown import to_text

    click.echo(to_text(gathered, explain=options["explain"]))
