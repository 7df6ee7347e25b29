"""Options that nothing could meet are refused."""

from __future__ import annotations

import pytest

from gatepost.core.check import Evidence
from gatepost.errors import InputError
from gatepost.wire.management.check_options import CheckOptions, Sharing
from gatepost.wire.management.strict import decode_strictly


def test_nothing_set_is_the_default() -> None:
    """The level of the system, and shared keys allowed."""
    assert CheckOptions(evidence=None, shared=Sharing.ALLOW) == decode_strictly(b"{}", CheckOptions)


def test_a_policy_for_hardware_is_kept() -> None:
    """With the level that it stands for."""
    options = decode_strictly(b'{"evidence":"hardware","hardware_policies":["1.3.6.1.4.1.55555.1"]}', CheckOptions)
    assert (Evidence.HARDWARE, ("1.3.6.1.4.1.55555.1",)) == (options.evidence, options.hardware_policies)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b'{"evidence":"hardware"}', "/hardware_policies"),
        (b'{"evidence":"proof"}', "/evidence"),
        (b'{"shared":"refuse"}', "/shared"),
        (b'{"hardware_policies":["1.2.3","1.02"]}', "/hardware_policies/1"),
        (b'{"hardware_policies":["3.1"]}', "/hardware_policies/0"),
        (b'{"hardware_policies":["1.' + b"1" * 200 + b'"]}', "/hardware_policies/0"),
        (b'{"mesage":"x"}', "/mesage"),
        (b'{"message":"\\u0000"}', "/message"),
    ],
)
def test_a_wrong_option_is_named(content: bytes, field: str) -> None:
    """By its pointer."""
    with pytest.raises(InputError) as caught:
        decode_strictly(content, CheckOptions)
    assert field == caught.value.field
