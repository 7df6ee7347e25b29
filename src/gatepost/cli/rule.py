"""A check from a file: the JSON that the management API takes, compiled by the same code as on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatepost.errors import InputError
from gatepost.wire.management.posture_rules import Identity, parse_rule, to_core

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.core.certificate import Certificate
    from gatepost.core.check import Check
    from gatepost.wire.management.check_options import CheckOptions

_MAXIMUM_FILE: Final = 256 * 1024


def read_rule(path: Path, authorities: tuple[Certificate, ...], options: CheckOptions) -> Check:
    """Read a rule; raises `InputError` naming the file and the field. ``certificate_id`` in it stands for ``--issuer``."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAXIMUM_FILE + 1)
    except OSError as error:
        raise InputError("--rule", f"cannot be read: {path}: {error.strerror}") from error
    if len(content) > _MAXIMUM_FILE:
        raise InputError("--rule", f"is larger than {_MAXIMUM_FILE} bytes: {path}")
    try:
        return to_core(Identity(id="local", version=1), parse_rule(content), options, authorities, results_expire=True)
    except InputError as error:
        raise InputError(f"--rule {path}", f"{error.field} {error.problem}".strip(), error.allowed) from error
