"""Load by wrk: requests that were made beforehand, each sent once, over connections that stay open."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.harness import MeasureError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCRIPT: Final = Path(__file__).with_name("reports.lua")
_PATIENCE: Final = 300
"""Seconds for all of them together."""
_GLANCE: Final = 0.005


def send(
    port: int, requests: Iterable[bytes], folder: Path, *, connections: int, expected: str = "", status: int = 200
) -> None:
    """Send each request once, as many at once as there are connections; what stands in ``folder`` is written over.

    Raises `MeasureError` where wrk is missing, an answer has not this ``status`` or does not contain ``expected``.
    """
    program = shutil.which("wrk")
    if program is None:
        raise MeasureError("wrk is not installed (Debian's package wrk)")
    file = folder / "requests"
    count = 0
    with file.open("wb") as writer:
        for item in requests:
            writer.write(b"%d\n" % len(item) + item)
            count += 1
    words = ("-t", "1", "-c", str(connections), "-d", f"{_PATIENCE}s", "--timeout", f"{_PATIENCE}s", "-s", str(_SCRIPT))
    finished = folder / "finished"
    finished.unlink(missing_ok=True)
    environment = {
        "GATEPOST_REQUESTS": str(file),
        "GATEPOST_EXPECTED": expected,
        "GATEPOST_STATUS": str(status),
        "GATEPOST_FINISHED": str(finished),
    }
    command = [program, *words, f"http://127.0.0.1:{port}"]
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not finished.exists():
            time.sleep(_GLANCE)
        # It would go on for its time.
        process.send_signal(signal.SIGINT)
        said, error = process.communicate()
    good = re.search(r"(?m)^good (\d+)$", said)
    if good is None or int(good[1]) != count:
        bad = re.search(r"(?m)^bad (.+)$", said)
        said = bad[1][:300] if bad else (error or said)[-300:]
        raise MeasureError(
            f"of {count:,} requests {good[1] if good else 'none'} were answered as they should be: {said}"
        )
