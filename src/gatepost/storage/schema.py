"""Every table there is. Whoever goes through all of them asks here: a file of tables that nobody imported has none."""

from __future__ import annotations

from gatepost.storage import (
    access_tables,
    attempts,
    chain_tables,
    denial_tables,
    evidence_tables,
    proved_certificates,
    report_requests,
    spent,
    webhooks,
)
from gatepost.storage.tables import REVISIONS, metadata

__all__ = [
    "REVISIONS",
    "access_tables",
    "attempts",
    "chain_tables",
    "denial_tables",
    "evidence_tables",
    "metadata",
    "proved_certificates",
    "report_requests",
    "spent",
    "webhooks",
]
