"""Gatepost tells which devices hold a client certificate of their organisation's own certificate authority.

Nothing is imported here, so that each command pays only for what it uses.
"""

from __future__ import annotations

__version__ = "0.1.0"
