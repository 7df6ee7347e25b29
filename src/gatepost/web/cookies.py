"""Cookies of ours in browsers: ``__Host-gatepost-…``, which no other host and no page can set or read (RFC 6265bis, 4.1.3)."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "__Host-gatepost-"
_FOLDED: Final = PREFIX.lower()


def split_cookies(header: str) -> tuple[str, dict[str, str]]:
    """Split a Cookie line: what is not ours, as it came; and ours by their names without the prefix.

    One that is there twice is none.
    """
    if _FOLDED not in header.lower():
        return header, {}
    others: list[str] = []
    ours: dict[str, str] = {}
    twice: set[str] = set()
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if not name.lower().startswith(_FOLDED):
            others.append(part.strip())
            continue
        short = name[len(PREFIX) :]
        if short in ours:
            twice.add(short)
        ours[short] = value
    return "; ".join(part for part in others if part), {name: ours[name] for name in ours.keys() - twice}


def set_cookie(name: str, value: str, seconds: int) -> tuple[bytes, bytes]:
    """Give the header that sets one of ours for so many seconds; 0 takes it away."""
    told = f"{PREFIX}{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax"
    return b"set-cookie", told.encode()
