"""What an agent signs to vouch for a browser on its device; bounded as the documents of `wire.device`."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from gatepost.wire.device import Text

MAXIMUM_CHALLENGE: Final = 4_096
"""Characters of a challenge."""


class Vouch(msgspec.Struct, frozen=True, kw_only=True):
    """Signed by the device: the browser that brings this challenge runs here. ``challenge`` is the server's own text."""

    v: Literal[1] = 1
    aud: Text
    challenge: Annotated[str, msgspec.Meta(min_length=1, max_length=MAXIMUM_CHALLENGE)]
