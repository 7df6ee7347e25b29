"""``make hostile``: the whole afternoon, for as many examples of each kind and route as ``--examples`` says."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hostile.afternoon import send_generated, send_uploads, uploads
from tests.running import running_server


def main() -> None:
    """Run it and print the answers by status; an answer of 500 or above ends it with a traceback."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="requests of each kind to each route")
    examples: int = parser.parse_args().examples
    with TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        for name, statuses in (
            ("uploads", send_uploads(server, uploads(1))),
            ("generated", send_generated(server, examples)),
        ):
            counts = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
            sys.stdout.write(f"{name}: {statuses.total():,} requests; answers by status: {counts}\n")


if __name__ == "__main__":
    main()
