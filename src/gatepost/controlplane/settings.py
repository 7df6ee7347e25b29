"""An account's settings of enrolment, kept with the documents of administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.ports import Resource
from gatepost.wire.management.enrollment import EnrollmentSettings
from gatepost.wire.management.strict import decode_strictly

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Records

_KIND: Final = "enrollment-settings"
_ONLY: Final = "enrollment"
"""There is one document of this kind."""


def load_enrollment_settings(records: Records, account: int) -> EnrollmentSettings:
    """Return the settings; where none were ever given, the defaults."""
    stored = records.resources.find(account, _KIND, _ONLY)
    return EnrollmentSettings() if stored is None else decode_strictly(stored.document, EnrollmentSettings)


def save_enrollment_settings(records: Records, account: int, settings: EnrollmentSettings, now: int) -> None:
    """Write the settings anew; what is compiled of the account is compiled anew too."""
    stored = records.resources.find(account, _KIND, _ONLY)
    document = msgspec.json.encode(settings)
    if stored is None:
        records.resources.add(
            Resource(
                number=0,
                id=_ONLY,
                account=account,
                kind=_KIND,
                name=_ONLY,
                document=document,
                created_at=now,
                updated_at=now,
            )
        )
    else:
        records.resources.replace(msgspec.structs.replace(stored, document=document, updated_at=now))
    records.checks.touch(account)
