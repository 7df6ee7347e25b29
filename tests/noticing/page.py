"""The page ``docs/reference/noticing.md``: how a change is noticed, after how many seconds, and on what that was ever tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

_INTRODUCTION = """\
# Noticing changes

Written by `make noticing`, which measures it again (as root, in a network and with a list of accounts of its own): from the
change on the device until the server has the new result, on a wall's clock, the real agent and the real server on one machine. A
certificate was taken away and brought back in turn, each as soon as the one before was known; an agent begins one cycle a second
at the most, which is most of the second that is seen here.
"""
_REAL = {
    "the server's checks": "no: server and agent on one machine",
    "PKCS#11 tokens": "no: SoftHSM. No card, no reader, no TPM",
    "addresses and routes of the machine": "no: an address of the loopback in a namespace. No Wi-Fi, no cable pulled",
}
_ELSEWHERE = (
    (
        "a database, profile or user that was not there before",
        "at the next check on schedule: what is not there is not watched, but for the folders that settings and checks name",
        "not measured: up to the schedule",
        "no",
    ),
    (
        "waking from sleep",
        "two clocks have moved apart, looked at every 5 s",
        "not measured: 5 s by construction, tried with clocks of the tests' own",
        "no: no machine was ever put to sleep",
    ),
    (
        "a server that comes back",
        "the agent tries again, at random moments up to 5 minutes apart",
        "not measured: 300 s at the longest, over a hundred agents with clocks of the tests' own",
        "no",
    ),
    (
        "macOS keychains",
        "the file's folder would be watched (FSEvents)",
        "not measured: there is no agent for macOS yet",
        "no: never run on a Mac",
    ),
    (
        "the stores of Windows",
        "at the next check on schedule: Windows keeps no file of them that another account could watch",
        "not measured: there is no agent for Windows yet",
        "no: read under Wine alone",
    ),
)


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of change: how it is noticed, how many there were, and their seconds."""

    name: str
    how: str
    changes: int
    median: float
    longest: float


def write_page(noticed: Sequence[Noticed], machine: Mapping[str, str], today: date) -> str:
    """Write it."""
    lines = [_INTRODUCTION, "| measured | on |", "| --- | --- |", f"| date | {today.isoformat()} |"]
    lines += [f"| {name} | {value} |" for name, value in machine.items()]
    lines += ["", "| what changes | how it is noticed | seconds | on real hardware |", "| --- | --- | --- | --- |"]
    lines += [_row(item) for item in noticed]
    lines += [f"| {' | '.join(row)} |" for row in _ELSEWHERE]
    return "\n".join([*lines, ""])


def _row(item: Noticed) -> str:
    seconds = f"median {item.median:.2f}, longest {item.longest:.2f}, of {item.changes} changes"
    if item.name == "PKCS#11 tokens":
        seconds += ", with a schedule of 1 minute; with the usual one up to 5 minutes"
    if item.name == "the server's checks":
        seconds += ", a minute apart; those that follow sooner up to 30 s later"
    real = _REAL.get(item.name, "a virtual machine, on an ordinary file system; no network file system")
    return f"| {item.name} | {item.how} | {seconds} | {real} |"
