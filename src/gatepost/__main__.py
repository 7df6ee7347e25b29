"""``python -m gatepost`` is the same as the command ``gatepost``; nothing else stands here."""

from __future__ import annotations

from gatepost.cli.main import main

if __name__ == "__main__":
    main()
