"""All campaigns: a new one is a file beside this, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults import (
    agent_killed,
    bombs,
    disk,
    migration,
    nss_replaced,
    nss_writer,
    outage,
    pem_writer,
    postgresql,
    sequences,
    server_killed,
    slow_clients,
)

if TYPE_CHECKING:
    from tests.faults.campaign import Campaign

CAMPAIGNS: tuple[Campaign, ...] = (
    nss_writer.CAMPAIGN,
    nss_replaced.CAMPAIGN,
    pem_writer.CAMPAIGN,
    agent_killed.CAMPAIGN,
    server_killed.CAMPAIGN,
    *disk.CAMPAIGNS,
    *postgresql.CAMPAIGNS,
    *migration.CAMPAIGNS,
    bombs.CAMPAIGN,
    slow_clients.CAMPAIGN,
    outage.CAMPAIGN,
    sequences.CAMPAIGN,
)
