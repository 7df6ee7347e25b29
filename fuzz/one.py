"""``python -m fuzz.one TARGET SECONDS FOLDER``: fuzz one target, in a process of its own, since libFuzzer ends it.

``FOLDER/corpus`` keeps what reached something new, ``FOLDER/finding-*`` what a target complained about.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

_LONGEST = 10
"""Seconds that one input may take, on a busy machine too: far beyond anything that a parser of ours should need."""
_MEMORY = 2_048
"""MiB that the process may have."""


def main(name: str, seconds: str, folder: str) -> None:
    """Fuzz; never returns."""
    with atheris.instrument_imports(include=["gatepost"]):
        from fuzz import access, core, stores, wire  # noqa: PLC0415 - only what is imported in here is instrumented.

    target = (core.TARGETS | wire.TARGETS | stores.TARGETS | access.TARGETS)[name]
    corpus = Path(folder) / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-timeout={_LONGEST}", f"-rss_limit_mb={_MEMORY}", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/finding-", str(corpus)], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
