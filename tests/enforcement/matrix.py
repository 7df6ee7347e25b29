"""The matrix of attacks: each by somebody without a device, beside an honest request in the same run, and by the device itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.enforcement.site import ASKED, BLANKED, TOLD
from tests.enforcement.attacks import ATTACKS, FORGED

if TYPE_CHECKING:
    from tests.enforcement.attacks import Attack
    from tests.enforcement.edge import Edge, Reached

_OK: Final = range(200, 400)
_OURS: Final = (*(f"X-Gatepost-{name}" for name in (*TOLD, *ASKED)), *BLANKED)


def run_attacks(edge: Edge) -> list[str]:
    """Try every attack; return what went wrong, in words."""
    return [problem for attack in ATTACKS for problem in try_attack(edge, attack).problems]


class Outcome(msgspec.Struct, frozen=True):
    """What a stranger heard (0: nothing), and what went wrong, in words."""

    status: int
    problems: list[str]


def try_attack(edge: Edge, attack: Attack) -> Outcome:
    """Try one: as a stranger, beside an honest request, and as the device itself."""
    problems = []
    before = len(edge.application.reached)
    heard = edge.send(attack.request(edge))
    if heard.status in _OK:
        problems.append(f"{attack.name}: the stranger hears {heard.status}")
    if len(edge.application.reached) != before:
        problems.append(f"{attack.name}: the stranger reaches the application: {edge.application.reached[before:]}")
    twin = edge.get(edge.device)
    if twin.status != 200 or len(edge.application.reached) != before + 1:
        problems.append(f"{attack.name}: the honest twin hears {twin.status}")
    edge.send(attack.request(edge), edge.device)
    found = [name for reached in edge.application.reached[before + 1 :] for name in _believed(reached, edge)]
    if found:
        problems.append(f"{attack.name}: the application is told {', '.join(found)}")
    return Outcome(heard.status, problems)


def _believed(reached: Reached, edge: Edge) -> list[str]:
    """Name the headers in which the application reads what a client made up, or secrets that are not for it."""
    return [
        f"{name} = {value}"
        for name in _OURS
        for value in reached.named(name)
        if FORGED in value or edge.token in value or (value and name.removeprefix("X-Gatepost-") not in TOLD)
    ]
