"""Every target of ``fuzz/``: its examples are read without a complaint, and so is whatever becomes of them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import access, core, stores, wire

TARGETS = core.TARGETS | wire.TARGETS | stores.TARGETS | access.TARGETS
# SQLite files cost a millisecond or two each, all else much less.
EXAMPLES = {"database": 40, "key_database": 40}

_EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.binary(max_size=8)), max_size=6)


def changed(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Change bytes in place, put some in, take some out, or cut off the end, each at a share of the whole."""
    for share, how, new in edits:
        at = int(share * len(content))
        match how:
            case 0:
                content = content[:at] + new + content[at + len(new) :]
            case 1:
                content = content[:at] + new + content[at:]
            case 2:
                content = content[:at] + content[at + len(new) :]
            case _:
                content = content[:at]
    return content


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_takes_whatever_comes(name: str) -> None:
    """It gives facts or a reason; it never fails in any other way than its documentation says."""
    target = TARGETS[name]
    seeds = target.seeds()
    for seed in seeds:
        target.run(seed)

    @settings(max_examples=EXAMPLES.get(name, 200), suppress_health_check=[HealthCheck.too_slow])
    # By its place in the list: a database is too long to be printed with what failed, and Hypothesis minds that.
    @given(st.integers(0, len(seeds) - 1), _EDITS)
    def change(seed: int, edits: list[tuple[float, int, bytes]]) -> None:
        target.run(changed(seeds[seed], edits))

    @settings(max_examples=50)
    @given(st.binary(max_size=300))
    def invent(data: bytes) -> None:
        target.run(data)

    change()
    invent()
