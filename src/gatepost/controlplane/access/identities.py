"""Identities: who somebody is for an application, as the application itself, or a page of it, may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatepost.controlplane.administration.people import find_identity_on
from gatepost.core.reason import Reason
from gatepost.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.access.answers import Question
    from gatepost.controlplane.access.deciding import Access
    from gatepost.controlplane.ports import Storage
    from gatepost.wire.management.users import Identity


class Identities:
    """Shows those who are let in to themselves; safe to use from many threads."""

    def __init__(self, storage: Storage, access: Access, now: Callable[[], int]) -> None:
        """Take what decides, and a clock in ms."""
        self._storage = storage
        self._access = access
        self._now = now

    def find(self, question: Question) -> Identity | tuple[Reason, ...]:
        """Return who asks, with the posture of the device; or why they are not let in, who are told nothing else.

        Raises `CredentialError` where no proxy's token counts, and StorageError.
        """
        answer = self._access.decide(question)
        if not answer.verdict.allowed:
            return answer.verdict.reasons
        if answer.registration is None:
            return (Reason.DEVICE_NOT_IDENTIFIED,)
        _, view = self._access.open(question)
        try:
            return find_identity_on(self._storage, view.public_id, answer.registration, self._now())
        except NotFoundError:
            # It was deleted in this very moment.
            return (Reason.DEVICE_NOT_ENROLLED,)

    def confirm(self, question: Question) -> None:
        """Insist that a question comes from a proxy; raises `CredentialError` and StorageError."""
        self._access.open(question)
