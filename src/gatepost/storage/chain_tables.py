"""The tables of the logs' chain; otherwise as those in `storage.tables`, whose metadata they belong to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, PrimaryKeyConstraint, Table, text

from gatepost.storage.tables import integer, metadata, octets, words

# How far each account's chain has come. ``dropped``: up to which position lines were taken away, whole segments at a time.
log_heads = Table(
    "log_heads",
    metadata,
    Column("account", BigInteger, ForeignKey("accounts.number"), primary_key=True, autoincrement=False),
    integer("position"),
    octets("head"),
    Column("dropped", BigInteger, nullable=False, server_default=text("0")),
)

# Heads that the account's key signed: compact JWS.
log_checkpoints = Table(
    "log_checkpoints",
    metadata,
    Column("account", BigInteger, ForeignKey("accounts.number"), nullable=False),
    integer("position"),
    integer("made_at"),
    words("document"),
    PrimaryKeyConstraint("account", "position"),
)

# The certificates that passing lines rest on, and those that signed them: each once, however many lines name it.
log_certificates = Table(
    "log_certificates",
    metadata,
    Column("account", BigInteger, ForeignKey("accounts.number"), nullable=False),
    octets("sha256"),
    octets("content"),
    PrimaryKeyConstraint("account", "sha256"),
)
