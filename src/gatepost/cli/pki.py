"""``gatepost pki``: make a certificate authority, issue client certificates, revoke them, list what is revoked.

The results go to stdout, as text or JSON; remarks go to stderr. The clock and the randomness enter here.
"""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypedDict, Unpack

import click
import msgspec

from gatepost.cli.choice import Choice
from gatepost.cli.named_server import TOKEN_VARIABLE, named_server
from gatepost.core.device import VARIABLES, DeviceFacts, MissingFact, parse_template, render_template
from gatepost.errors import ConflictError, InputError
from gatepost.pki.authority import Made, Output, create_authority, open_authority
from gatepost.pki.authority import issue as issue_certificate
from gatepost.pki.folder import CERTIFICATE, REVOCATION_LIST, read_bounded
from gatepost.pki.request import (
    MAXIMUM_PATH_LENGTH,
    AuthorityRequest,
    CertificateRequest,
    KeyKind,
    RevocationReason,
    Subject,
    Validity,
    parse_alternative_name,
    parse_policies,
    parse_purposes,
    validity,
)
from gatepost.pki.revocation import certificate_serial, issue_list, parse_serial
from gatepost.pki.revocation import revoke as revoke_certificate

_ROOT_DAYS: Final = 3650
_SUBORDINATE_DAYS: Final = 1825
_CLIENT_DAYS: Final = 365
_LIST_DAYS: Final = 7
_MOST_DAYS: Final = 36_500
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9._@-]{0,99}")

_folder = click.Path(file_okay=False, path_type=Path)
_file = click.Path(dir_okay=False, path_type=Path)


class _SpanOptions(TypedDict):
    days: int | None
    not_before: str | None
    not_after: str | None


class _RootOptions(_SpanOptions):
    ca: Path
    cn: str
    organization: str | None
    unit: str | None
    key: str
    path_length: int
    parent: Path | None
    form: str


class _IssueOptions(_SpanOptions):
    ca: Path
    cn: str | None
    fact: tuple[str, ...]
    san: tuple[str, ...]
    eku: tuple[str, ...]
    policy: tuple[str, ...]
    key: str | None
    csr: Path | None
    out: Path
    name: str | None
    p12: bool
    p12_password_file: Path | None
    form: str


class _RevokeOptions(TypedDict):
    ca: Path
    serial: str | None
    certificate: Path | None
    reason: str
    server: str | None
    account: str | None
    server_ca: Path | None
    form: str


_Command = Callable[..., None]

_form = click.option(
    "--format", "form", type=Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)
_authority = click.option("--ca", type=_folder, required=True, metavar="DIR", help="The authority's folder.")


def _span(default_days: str) -> Callable[[_Command], _Command]:
    """Give the options that say from when to when a certificate is valid."""
    options = (
        click.option(
            "--days",
            type=click.IntRange(1, _MOST_DAYS),
            metavar="N",
            help=f"Valid for so many days from now, or from --not-before.  [default: {default_days}]",
        ),
        click.option("--not-before", metavar="RFC3339", help="Valid from then.  [default: five minutes ago]"),
        click.option("--not-after", metavar="RFC3339", help="Valid until then, instead of --days."),
    )

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _key(*, default: str | None) -> Callable[[_Command], _Command]:
    kinds = Choice([kind.value for kind in KeyKind])
    told = "The kind of key to make." if default else f"The kind of key to make.  [default: {KeyKind.P256.value}]"
    return click.option("--key", type=kinds, default=default, show_default=default is not None, help=told)


_EXAMPLES: Final = """\b
Examples:
  gatepost pki root --ca ca --cn "Example Root"
  gatepost pki issue --ca ca --cn laptop-1 --san dns:laptop-1.example.com --p12
  gatepost pki revoke --ca ca --certificate laptop-1.pem --reason keyCompromise
  gatepost pki crl --ca ca
"""


@click.group(name="pki", epilog=_EXAMPLES)
def pki() -> None:
    """Make a certificate authority, and issue and revoke client certificates with it."""


@pki.command()
@click.option("--ca", type=_folder, required=True, metavar="DIR", help="The folder to make; new or empty.")
@click.option("--cn", required=True, metavar="TEXT", help="Its common name.")
@click.option("--o", "organization", metavar="TEXT", help="Its organisation.")
@click.option("--ou", "unit", metavar="TEXT", help="Its organisational unit.")
@_key(default=KeyKind.P256.value)
@click.option(
    "--path-length",
    type=click.IntRange(0, MAXIMUM_PATH_LENGTH),
    default=0,
    show_default=True,
    metavar="N",
    help="How many levels of authorities may stand below it.",
)
@click.option("--parent", type=_folder, metavar="DIR", help="Another authority that signs it; without, it is a root.")
@_span(f"{_ROOT_DAYS}, or {_SUBORDINATE_DAYS} below a parent")
@_form
def root(**given: Unpack[_RootOptions]) -> None:
    """Make a certificate authority in a folder of its own: ca.pem, ca.key and the index of what it issues."""
    now = datetime.now(UTC)
    parent = None if given["parent"] is None else open_authority(given["parent"], "--parent")
    request = AuthorityRequest(
        subject=Subject(cn=given["cn"], organization=given["organization"], unit=given["unit"]),
        validity=_validity(given, now, _ROOT_DAYS if parent is None else _SUBORDINATE_DAYS),
        key=KeyKind(given["key"]),
        path_length=given["path_length"],
    )
    made = create_authority(given["ca"], request, parent, now, secrets.token_bytes)
    if parent is not None:
        _remark_end(made, parent.not_after)
    _show(made, given["form"])


@pki.command()
@_authority
@click.option("--cn", metavar="TEXT", help="The common name; may hold ${VARIABLE} of --fact.")
@click.option("--fact", multiple=True, metavar="VARIABLE=VALUE", help=f"For ${{VARIABLE}}: {', '.join(VARIABLES)}.")
@click.option("--san", multiple=True, metavar="KIND:VALUE", help="Another name: dns:, email:, uri:, ip: or upn:.")
@click.option(
    "--eku",
    multiple=True,
    default=("clientAuth",),
    show_default=True,
    metavar="PURPOSE",
    help="clientAuth, emailProtection, serverAuth, codeSigning, an object identifier, or none.",
)
@click.option("--policy", multiple=True, metavar="OID", help="A certificate policy.")
@_key(default=None)
@click.option("--csr", type=_file, metavar="FILE", help="Certify the key of this PKCS#10 request instead of a new one.")
@click.option("--out", type=_folder, default=Path(), metavar="DIR", help="Where the files go.  [default: this folder]")
@click.option(
    "--name", metavar="NAME", help="Their name: NAME.pem, NAME.key, NAME.p12.  [default: from the name inside]"
)
@click.option("--p12", is_flag=True, help="Also write PKCS#12, as pk12util and browsers import it.")
@click.option("--p12-password-file", type=_file, metavar="FILE", help="Its password: the first line of FILE.")
@_span(f"{_CLIENT_DAYS}")
@_form
def issue(**given: Unpack[_IssueOptions]) -> None:
    """Issue a client certificate, with a new key or for the key of a certification request."""
    now = datetime.now(UTC)
    request = _certificate_request(given, now)
    output = _output(given, request)
    authority = open_authority(given["ca"], "--ca")
    made = issue_certificate(authority, request, output, now, secrets.token_bytes)
    _remark_end(made, authority.not_after)
    if output.pkcs12 and output.password is None:
        click.echo(f"{made.pkcs12} has no password: only the file's permissions protect its key", err=True)
    _show(made, given["form"])


@pki.command()
@_authority
@click.option("--serial", metavar="HEX", help="The certificate's serial number.")
@click.option("--certificate", type=_file, metavar="FILE", help="Or the certificate itself, PEM.")
@click.option(
    "--reason",
    type=Choice([reason.value for reason in RevocationReason]),
    default=RevocationReason.UNSPECIFIED.value,
    show_default=True,
    help="Why.",
)
@click.option("--server", metavar="URL", help=f"Also deny it on this server, with the token in {TOKEN_VARIABLE}.")
@click.option("--account", metavar="ID", help="In this account of the server: 32 hex digits.")
@click.option("--server-ca", type=_file, metavar="FILE", help="Trust this CA for the server, not the system's.")
@_form
def revoke(**given: Unpack[_RevokeOptions]) -> None:
    """Revoke a certificate; the next list made with `gatepost pki crl` has it."""
    ca = given["ca"]
    authority = open_authority(ca, "--ca")
    if (given["serial"] is None) == (given["certificate"] is None):
        raise InputError("--serial", "and --certificate are both given or both missing", "one of the two")
    if given["certificate"] is not None:
        found = certificate_serial(read_bounded(given["certificate"], "--certificate"), authority)
    else:
        found = parse_serial(given["serial"] or "")
    named = given["server"]
    server = None
    if named is not None:
        server = named_server(named, given["account"], given["server_ca"], scope="denials:write")
    try:
        shown: msgspec.Struct = revoke_certificate(
            authority, found, RevocationReason(given["reason"]), datetime.now(UTC)
        )
    except ConflictError as error:
        # The server may not have heard of it: an earlier call may have ended half-way.
        if server is None:
            raise
        shown = _Known(serial=found)
        click.echo(f"{error.kind} {error.problem}", err=True)
    click.echo(f"the list does not have it yet: gatepost pki crl --ca {ca}", err=True)
    if server is not None:
        issuer = read_bounded(ca / CERTIFICATE, "--ca").decode("ascii", "replace")
        document = {"issuer": issuer, "serial_number": str(int(found, 16)), "reason": "certificate-revoked"}
        server.call("POST", "/gatepost/deny-list", document)
        click.echo(f"{given['server']} refuses it from now on", err=True)
    _show(shown, given["form"])


class _Known(msgspec.Struct, frozen=True):
    """A certificate that was revoked before."""

    serial: str


@pki.command()
@_authority
@click.option(
    "--days",
    type=click.IntRange(1, _MOST_DAYS),
    default=_LIST_DAYS,
    show_default=True,
    metavar="N",
    help="The next list is due in so many days.",
)
@click.option("--out", type=_file, metavar="FILE", help=f"Where it goes.  [default: {REVOCATION_LIST} in DIR]")
@_form
def crl(ca: Path, days: int, out: Path | None, form: str) -> None:
    """Sign the list of all revoked certificates and write it, PEM, in the place of the one before."""
    authority = open_authority(ca, "--ca")
    path = out or ca / REVOCATION_LIST
    _show(issue_list(authority, path, days, datetime.now(UTC), secrets.token_bytes), form)


def _validity(given: _SpanOptions, now: datetime, default_days: int) -> Validity:
    not_before = _instant(given["not_before"], "--not-before")
    not_after = _instant(given["not_after"], "--not-after")
    return validity(now, given["days"], not_before, not_after, default_days=default_days)


def _instant(text: str | None, field: str) -> datetime | None:
    """Parse an instant as RFC 3339 writes it, with its offset; whole seconds, as a certificate has them."""
    if text is None:
        return None
    problem = f"{text!r} is no instant"
    if not _INSTANT.fullmatch(text):
        raise InputError(field, problem, "RFC 3339, such as 2026-06-01T00:00:00Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError) as error:
        raise InputError(field, problem, "a day and a time that exist") from error


def _certificate_request(given: _IssueOptions, now: datetime) -> CertificateRequest:
    facts = _facts(given["fact"])
    if given["key"] is not None and given["csr"] is not None:
        raise InputError("--key", "contradicts --csr, which brings a key", "one of the two")
    return CertificateRequest(
        subject=Subject(cn=None if given["cn"] is None else _rendered(given["cn"], "--cn", facts)),
        validity=_validity(given, now, _CLIENT_DAYS),
        names=tuple(parse_alternative_name(_rendered(text, "--san", facts)) for text in given["san"]),
        purposes=parse_purposes(given["eku"]),
        policies=parse_policies(given["policy"]),
        key=KeyKind(given["key"] or KeyKind.P256),
        csr=None if given["csr"] is None else read_bounded(given["csr"], "--csr"),
    )


def _facts(texts: tuple[str, ...]) -> DeviceFacts:
    """Parse ``VARIABLE=VALUE``; `InputError` names the variables there are, and the nearest."""
    facts: dict[str, str] = {}
    for text in texts:
        variable, _, value = text.partition("=")
        if variable not in VARIABLES:
            near = difflib.get_close_matches(variable, VARIABLES, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(
                "--fact", f"{variable!r} is no variable", f"{', '.join(VARIABLES)}, then = and the value{hint}"
            )
        facts[variable] = value
    return DeviceFacts(**facts)


def _rendered(text: str, field: str, facts: DeviceFacts) -> str:
    rendered = render_template(parse_template(text, field), facts)
    if isinstance(rendered, MissingFact):
        problem = f"{rendered.variable} is not given, or its value is a manufacturer's filler"
        raise InputError("--fact", problem, f"--fact {rendered.variable}=VALUE, 1 to 253 printable characters")
    return rendered


def _output(given: _IssueOptions, request: CertificateRequest) -> Output:
    password_file = given["p12_password_file"]
    if password_file is not None and not given["p12"]:
        raise InputError("--p12-password-file", "is given without --p12", "both, or none")
    return Output(
        folder=given["out"],
        name=_file_name(given["name"], request),
        pkcs12=given["p12"],
        password=None if password_file is None else _password(password_file),
    )


def _file_name(name: str | None, request: CertificateRequest) -> str:
    """Take the files' name as given, or from the certificate's first name."""
    if name is None:
        first = request.subject.cn or request.names[0].value
        name = re.sub(r"[^A-Za-z0-9._@-]+", "-", first).strip(".-")[:100]
    if not _FILE_NAME.fullmatch(name):
        raise InputError("--name", f"{name!r} is no name for files", "1 to 100 letters, digits, and . _ @ - within")
    return name


def _password(path: Path) -> bytes:
    content = read_bounded(path, "--p12-password-file")
    password = content.splitlines()[0] if content else b""
    if not password:
        raise InputError("--p12-password-file", f"{path} has an empty first line", "a file with the password in it")
    return password


def _remark_end(made: Made, authority_end: datetime) -> None:
    if made.not_after > authority_end:
        click.echo(
            f"it ends after its authority, whose own certificate ends at {authority_end:%Y-%m-%dT%H:%M:%SZ}", err=True
        )


def _show(result: msgspec.Struct, form: str) -> None:
    """Print the result: one JSON document, or one line for each field that has a value."""
    if form == "json":
        click.echo(msgspec.json.encode(result, enc_hook=str).decode())
        return
    fields: dict[str, object] = msgspec.to_builtins(result, enc_hook=str)
    width = max(map(len, fields)) + 2
    for field, value in fields.items():
        if value is not None and field != "event":
            click.echo(f"{field:{width}}{value}")
