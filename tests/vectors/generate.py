"""Write the vectors: ``python -m tests.vectors.generate`` from the project's folder, after which git must see no change.

One file a vector, ``data/TOPIC/NAME.json``; what no function makes any more is removed.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.vectors import (
    alternative_name,
    candidates,
    common_name,
    dates,
    evidence,
    issuer_names,
    issuing,
    places,
    purposes,
    results,
    signing_certificates,
    strength,
    templates,
)
from tests.vectors.vector import Vector, collect

DATA = Path(__file__).parent / "data"
TOPICS = (
    issuing,
    signing_certificates,
    issuer_names,
    dates,
    strength,
    common_name,
    alternative_name,
    purposes,
    templates,
    evidence,
    candidates,
    places,
    results,
)


def made() -> tuple[Vector, ...]:
    """Make all vectors, in the order of the topics."""
    return tuple(vector for topic in TOPICS for vector in collect(topic))


def written(vector: Vector) -> bytes:
    """Write a vector as it stands in its file."""
    return msgspec.json.format(msgspec.json.encode(vector), indent=2) + b"\n"


def main() -> None:
    """Write all files, and remove those that have no vector."""
    files = {DATA / f"{vector.id}.json": written(vector) for vector in made()}
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for path in DATA.rglob("*.json"):
        if path not in files:
            path.unlink()


if __name__ == "__main__":
    main()
