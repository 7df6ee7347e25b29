"""Read the licence of every installed distribution and refuse what is not on the list.

``check_licences.py [FOLDER...]`` looks in the given folders, or in the environment that runs it. It prints the
distributions that are refused, each with what it says of itself, and ends with status 1 when there are any. Everything
installed is locked, since the environment is synchronised with ``requirements.lock``. A distribution's own word is
taken: the SPDX expression where it has one, otherwise its classifiers, otherwise the first line of its licence field.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, distributions

# Licences under which a library may be used in and shipped with a work under Apache-2.0. The longer names are those of
# older metadata.
ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        # psycopg. A library that stays one, installed beside ours and replaceable there, asks nothing of our own work.
        "LGPL-3.0-only",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
        "Apache Software License",
        "BSD License",
        "ISC License (ISCL)",
        "MIT License",
        "Mozilla Public License 2.0 (MPL 2.0)",
        "Python Software Foundation License",
        "The Unlicense (Unlicense)",
    }
)


def licences(distribution: Distribution) -> tuple[list[str], bool]:
    """Return the licences that a distribution names, and whether one of them is enough (it lets us choose)."""
    fields = distribution.metadata
    expression = next(iter(fields.get_all("License-Expression", [])), "")
    if not expression:
        classifiers = [line for line in fields.get_all("Classifier", []) if line.startswith("License :: ")]
        # "OSI Approved" alone names no licence; the licence field then speaks.
        names = [line.rpartition(" :: ")[2] for line in classifiers if not line.endswith("OSI Approved")]
        if names:
            return names, False
        expression = next(iter(fields.get_all("License", [])), "").strip().partition("\n")[0]
    # Where "and" and "or" are mixed, all are asked for: that can only refuse too much.
    names = re.split(r"\s+(?:AND|OR)\s+", re.sub("[()]", "", expression))
    return names, " AND " not in expression


def is_allowed(distribution: Distribution) -> bool:
    """Tell whether a distribution's licence is on the list."""
    names, one_is_enough = licences(distribution)
    verdicts = [name in ALLOWED for name in names]
    return any(verdicts) if one_is_enough else all(verdicts)


def main(folders: list[str]) -> int:
    """Print what is refused; return the exit status."""
    found = list(distributions(path=folders) if folders else distributions())
    refused = [distribution for distribution in found if not is_allowed(distribution)]
    for distribution in refused:
        print(f"{distribution.name} {distribution.version}: {' / '.join(licences(distribution)[0])!r} is not allowed")
    if not refused:
        print(f"The licences of {len(found)} distributions are allowed.")
    return 1 if refused or not found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
