"""``gatepost demo``: the whole story on this machine, in one command. Nothing is scripted: every line asks the running parts."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from gatepost.agent.host import read_host
from gatepost.cli.story import Issued, Story
from gatepost.cli.story_page import HOST, Page, find_nginx
from gatepost.errors import InputError, ProcessError

_TOOLS: Final = {"certutil": "libnss3-tools", "pk12util": "libnss3-tools"}
_COLOURS: Final = {"pass": "green", "fail": "red", "error": "yellow"}
_WIDTH: Final = 100


class Chapter(msgspec.Struct, frozen=True):
    """One change to the device, and what every check must say then: the story fails where the parts say otherwise."""

    title: str
    install: Callable[[], None]
    status: str
    reason: str | None


@click.command()
@click.option("--serve", "goes_on", is_flag=True, help="Go on serving after the last line, until interrupted.")
@click.option("--keep", is_flag=True, help="Keep the temporary folder.")
def demo(*, goes_on: bool, keep: bool) -> None:
    """Watch a device pass, fail for five reasons, and pass again, and a page behind nginx open and close for it."""
    _insist_on_tools()
    folder = Path(tempfile.mkdtemp(prefix="gatepost-demo-"))
    _say(f"Everything is written to {folder}, and nothing anywhere else. The server listens on loopback.")
    # Whoever ends this ends the server too, and the folder goes.
    signal.signal(signal.SIGTERM, _end)
    try:
        _tell(Story(folder), goes_on=goes_on)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _insist_on_tools() -> None:
    missing = [(tool, package) for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    for tool, package in [*missing, *([] if find_nginx() else [("nginx", "nginx")])]:
        raise InputError(tool, "is not installed", f"apt-get install {package} (make demo does it)")


def _tell(story: Story, *, goes_on: bool) -> None:
    variable, name = _name_of_this_machine()
    _head("A certificate authority, and a certificate for this machine")
    good = _make_certificates(story, name)
    _head("The device's stores")
    story.make_stores()
    story.install(*good)
    _say(f"NSS database {story.nssdb} (by certutil and pk12util), and PEM files {story.pem}, {story.pem_key}.")
    _head("The server")
    with story.start_server() as server:
        _say(f"gatepost server run listens on {story.url}, with SQLite.")
        _make_checks(story, variable)
        _head("The agent enrols, and reports for the first time")
        _say(story.enroll())
        told = [_play(story, chapter) for chapter in _chapters(story, good, name)]
        told.append(_open_page(story, good))
        _show_log(story)
        if not all(told):
            raise ProcessError("gatepost demo", 1, "a step came out otherwise than it should; see above")
        _say(
            "\nThe story came out as it should: PASS, five FAILs for five reasons, PASS; and the page opened for PASS alone."
        )
        if goes_on:
            _go_on(story, server.wait)


def _name_of_this_machine() -> tuple[str, str]:
    """Return a variable that this machine has a value for, the serial number where it can be read."""
    facts = read_host().facts
    for variable in ("serial_number", "hostname"):
        value = getattr(facts, variable)
        if value:
            return variable, value
    raise InputError("this machine", "has neither a serial number nor a host name", "set a host name")


def _make_certificates(story: Story, name: str) -> tuple[Issued, Issued]:
    story.make_authority("ca", "Demo Root CA")
    story.make_authority("other-ca", "Somebody Else's CA")
    good = story.issue("device-nss", name), story.issue("device-pem", name)
    _say(f"gatepost pki made CN=Demo Root CA and two certificates for CN={name}, each with its key:")
    for issued in good:
        _say(f"  {issued.certificate}")
    return good


def _make_checks(story: Story, variable: str) -> None:
    authority = (story.folder / "ca" / "ca.pem").read_text(encoding="ascii")
    uploaded = story.call("POST", "/mtls_certificates", {"ca": True, "certificates": authority, "name": "Demo Root CA"})
    _say(f"POST /client/v4/accounts/…/mtls_certificates   -> {uploaded['id']}")
    nss: dict[str, object] = {"locations": {"trust_stores": ["system"]}}
    pem: dict[str, object] = {"locations": {"paths": [str(story.pem), str(story.pem_key)]}}
    for name, where in (("NSS database", nss), ("PEM files", pem)):
        rule = _rule(name, uploaded["id"], variable, where)
        made = story.call("POST", "/devices/posture", rule)
        _say(f"POST /client/v4/accounts/…/devices/posture     -> {made['id']}  {name!r}")


def _rule(name: str, certificate: str, variable: str, where: dict[str, object]) -> dict[str, object]:
    return {
        "name": name,
        "type": "client_certificate_v2",
        "schedule": "5m",
        "match": [{"platform": "linux"}],
        "input": {
            "certificate_id": certificate,
            "cn": f"${{{variable}}}",
            "check_private_key": True,
            "operating_system": "linux",
            "extended_key_usage": ["clientAuth"],
            **where,
        },
    }


def _chapters(story: Story, good: tuple[Issued, Issued], name: str) -> tuple[Chapter, ...]:
    past = ("--not-before", "2024-01-01T00:00:00Z", "--not-after", "2024-12-31T23:59:59Z")
    colleague = story.issue("colleague", f"{name}-of-a-colleague")
    expired = story.issue("expired", name, *past)
    foreign = story.issue("foreign", name, authority="other-ca")
    purpose = story.issue("without-client-auth", name, "--eku", "emailProtection")

    def one(issued: Issued) -> Callable[[], None]:
        return lambda: story.install(issued, issued)

    def both(*, with_key: bool) -> Callable[[], None]:
        return lambda: story.install(*good, with_key=with_key)

    return (
        Chapter("This machine's certificate and its key are in both stores", both(with_key=True), "pass", None),
        Chapter("A colleague's certificate takes its place", one(colleague), "fail", "common-name-mismatch"),
        Chapter("An expired certificate takes its place", one(expired), "fail", "certificate-expired"),
        Chapter("One from another CA", one(foreign), "fail", "not-issued-by-signing-certificate"),
        Chapter("One without clientAuth", one(purpose), "fail", "extended-key-usage-missing"),
        Chapter("The right one, without its key", both(with_key=False), "fail", "private-key-missing"),
        Chapter("The certificate and its key come back", both(with_key=True), "pass", None),
    )


def _play(story: Story, chapter: Chapter) -> bool:
    """Change the device, let the agent report, show what the server says; tell whether it is what it should be."""
    chapter.install()
    _head(chapter.title)
    reported = [item["id"] for item in story.cycle()["verdicts"]]
    expected = [chapter.reason] if chapter.reason else []
    results = [item for item in story.call("GET", "/gatepost/results") if item["check"]["id"] in reported]
    for result in results:
        _show_result(result)
    right = bool(results) and all(item["status"] == chapter.status and item["reasons"] == expected for item in results)
    if not right:
        _say(f"this should have been {chapter.status} {chapter.reason or ''}")
    return right


def _open_page(story: Story, good: tuple[Issued, Issued]) -> bool:
    """Put a page behind nginx that asks Gatepost, and ask for it while the checks pass, while they fail, and again."""
    checks = [rule["id"] for rule in story.call("GET", "/devices/posture")]
    page = Page(story)
    page.publish(checks)
    _head(f"A page behind nginx: https://{HOST}, for devices that pass both checks")
    with page:
        right = _ask(page, "with the device's certificate", good[1], opens=True)
        right &= _ask(page, "without any certificate", None, opens=False)
        story.install(*good, with_key=False)
        story.cycle()
        _say("The private keys are taken out of the device's stores; the agent reports.")
        right &= _ask(page, "with the device's certificate", good[1], opens=False)
        right &= _explain(story, page.open(good[1]).reference)
        story.install(*good)
        story.cycle()
        _say("They come back; the agent reports.")
        return right & _ask(page, "with the device's certificate", good[1], opens=True)


def _ask(page: Page, how: str, issued: Issued | None, *, opens: bool) -> bool:
    opened = page.open(issued)
    word = click.style(f"{opened.status}", fg="green" if opened.is_page else "red", bold=True)
    _say(f"{word}  {how:30} {opened.text}")
    if opened.is_page is not opens:
        _say(f"this should have been {'the page' if opens else 'a refusal'}")
    return opened.is_page is opens


def _explain(story: Story, reference: str) -> bool:
    """Show what the access log says of a refusal, which stands there a moment after it; tell whether it does."""
    if not story.is_logged(reference):
        _say("this refusal should stand in the access log")
        return False
    _say(f"gatepost server explain {reference}")
    explained = story.gatepost("server", "explain", reference, "--database", story.database, expect=(1,))
    for line in explained.stdout.splitlines():
        _say(f"    {line}")
    return True


def _show_result(result: dict[str, Any]) -> None:
    """Show one result as the server keeps it: each candidate, and what was expected and found where it falls short."""
    word = click.style(f"{result['status'].upper():5}", fg=_COLOURS[result["status"]], bold=True)
    reasons = ", ".join(result["reasons"]) or f"evidence: {result['evidence']}"
    click.echo(f"{word}  {result['check']['name']:13} {reasons}")
    for seen in result["received"]["certificates"]:
        place = seen["location"]
        where = Path(place["path"]).name + (f", nickname {place['label']}" if place.get("label") else "")
        _say(f"         {seen['subject']}   in {where}   evidence: {seen['evidence']}")
        for item in seen["criteria"]:
            if not item["met"]:
                _say(f"         {item['criterion']}: expected {item['expected']}, found {item['found']}")
    if not result["received"]["certificates"]:
        _say(f"         no certificate of this CA; of others: {result['received']['other_certificates'] or 'none'}")


def _show_log(story: Story) -> None:
    _head("The posture log, oldest first: GET …/gatepost/posture-log")
    _say(f"{'time':20}  {'check':13} {'status':6} {'evidence':12} reasons")
    for line in reversed(story.call("GET", "/gatepost/posture-log?per_page=100")):
        status = click.style(f"{line['PostureStatus']:6}", fg=_COLOURS[line["PostureStatus"]])
        reasons = ", ".join(line["PostureReasons"])
        evidence = line["PostureEvidence"] or "-"
        _say(f"{line['Timestamp'][:19]}Z  {line['PostureCheckName']:13} {status} {evidence:12} {reasons}".rstrip())


def _go_on(story: Story, wait: Callable[[], int]) -> None:
    _head("It goes on serving; Ctrl-C ends it and removes the folder")
    _say(f"API    {story.url}/client/v4/accounts/{story.account}   documented at {story.url}/docs")
    _say(f"token  {story.token}")
    _say(f"agent  {sys.executable} -m gatepost agent run --once --state {story.state} --config {story.settings}")
    wait()


def _head(title: str) -> None:
    click.echo()
    click.echo(click.style(f"── {title} ".ljust(_WIDTH, "─"), bold=True))


def _say(text: str) -> None:
    click.echo(text)
