"""``python -m tests.enforcement``: try every attack against all four proxies, and write ``docs/reference/attacks.md``."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.enforcement.attacks import ATTACKS
from tests.enforcement.edge import edge, start_caddy, start_envoy, start_haproxy, start_nginx
from tests.enforcement.matrix import try_attack
from tests.running import ROOT

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

_PROXIES: Final[dict[str, Callable[[Path, Path, int], subprocess.Popen[bytes]]]] = {
    "nginx": start_nginx,
    "haproxy": start_haproxy,
    "envoy": start_envoy,
    "caddy": start_caddy,
}
_PAGE: Final = ROOT / "docs" / "reference" / "attacks.md"
_HEAD: Final = """# Attacks at the proxies

Written by `make attacks`, and tried again by `make test`: each attack against a real nginx, HAProxy, Envoy and Caddy with the
file that [`gatepost proxy-config`](commands.md#gatepost-proxy-config) prints for it.

Somebody without a certificate sends it; in the table stands what they hear, and — is a connection that ends without an answer.
**{count} attacks against four proxies: all refused, and none reached the application.** After each, an honest device asked for
the page in the same run and got it. Then that device sent the attack itself: in what reached the application, nothing that it
had made up stood under a name of Gatepost's or one that applications commonly believe. Tried on {date}.

| attack | nginx | HAProxy | Envoy | Caddy |
| --- | --- | --- | --- | --- |
"""


def main() -> int:
    """Try them all; 1 where something came out otherwise than it should, and then no page is written."""
    heard: dict[str, list[str]] = {attack.name: [] for attack in ATTACKS}
    problems = []
    for name, start in _PROXIES.items():
        print(f"{name} …", file=sys.stderr)
        with (
            tempfile.TemporaryDirectory(prefix="gatepost-attacks-") as folder,
            edge(Path(folder), name, start) as opened,
        ):
            for attack in ATTACKS:
                outcome = try_attack(opened, attack)
                problems += [f"{name}: {problem}" for problem in outcome.problems]
                heard[attack.name].append(str(outcome.status) if outcome.status else "—")
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    rows = "".join(f"| {_cell(name)} | {' | '.join(statuses)} |\n" for name, statuses in heard.items())
    head = _HEAD.format(count=len(ATTACKS), date=datetime.now(UTC).date())
    _PAGE.write_text(head + rows, encoding="utf-8")
    print(f"written: {_PAGE.relative_to(ROOT)}")
    return 0


def _cell(name: str) -> str:
    return name.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
