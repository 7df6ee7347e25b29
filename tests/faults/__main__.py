"""``make faults``, or ``python -m tests.faults [PART OF A NAME…]``: run the campaigns at full length, count what came of them.

Run as a whole it writes ``docs/reference/faults.md``. The status is 1 where an outcome was wrong.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.machine import describe_machine
from tests.faults.campaigns import CAMPAIGNS
from tests.faults.page import Ran, write_page

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"


def main(parts: Sequence[str]) -> int:
    """Run what is named, or everything."""
    chosen = [item for item in CAMPAIGNS if not parts or any(part in item.name for part in parts)]
    if not chosen:
        _write(f"there is no such campaign; there are: {', '.join(item.name for item in CAMPAIGNS)}")
        return 2
    ran = []
    for campaign in chosen:
        _write(f"{campaign.name}: {campaign.rounds:,} rounds …")
        with tempfile.TemporaryDirectory(prefix="gatepost-faults-") as folder:
            began = time.monotonic()
            tally = campaign.run(Path(folder), campaign.rounds)
        ran.append(Ran(campaign, tally, time.monotonic() - began))
        _write(msgspec.json.format(msgspec.json.encode(tally)).decode())
    if not parts:
        PAGE.write_text(write_page(ran, describe_machine(), datetime.now(UTC).date()), encoding="utf-8")
        _write(f"written: {PAGE.relative_to(Path.cwd())}")
    return 1 if any(item.tally.wrong for item in ran) else 0


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
