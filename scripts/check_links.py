"""Follow the relative links of Markdown pages: to files, and to headings.

``check_links.py PATH...`` takes pages and folders of pages. It prints each link that leads nowhere as
``page:line: target`` and ends with status 1 when there are any. Links to other hosts are not followed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
FENCE = re.compile(r"\s*(```|~~~)")


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a page that are not in a fenced block."""
    fenced = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(page: Path) -> set[str]:
    """Return the anchors that forges make of a page's headings: lower case, hyphens, repeated ones numbered."""
    found: set[str] = set()
    for _, line in prose(page):
        if heading := HEADING.match(line):
            words = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
            repeats = sum(1 for anchor in found if re.fullmatch(re.escape(words) + r"(-\d+)?", anchor))
            found.add(f"{words}-{repeats}" if repeats else words)
    return found


def leads_somewhere(page: Path, target: str) -> bool:
    """Tell whether a link on ``page`` leads to a file, and to a heading in it where it names one."""
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    if not file.exists():
        return False
    return not anchor or file.suffix != ".md" or anchor in anchors(file)


def dead_links(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere, as ``page:line: target``."""
    return [
        f"{page}:{number}: {target}"
        for number, line in prose(page)
        for target in LINK.findall(re.sub(r"`[^`]*`", "", line))
        if not re.match(r"[a-z]+:", target) and not leads_somewhere(page, target)
    ]


def main(paths: list[str]) -> int:
    """Print what leads nowhere; return the exit status."""
    pages = [page for path in map(Path, paths) for page in (sorted(path.rglob("*.md")) if path.is_dir() else [path])]
    missing = [f"{page}: there is no such page" for page in pages if not page.is_file()]
    dead = [link for page in pages if page.is_file() for link in dead_links(page)]
    print(*missing, *dead, f"{len(pages)} pages, {len(missing) + len(dead)} links lead nowhere.", sep="\n")
    return 1 if missing or dead else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
