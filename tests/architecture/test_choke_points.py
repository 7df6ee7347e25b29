"""What is dangerous, costly or replaceable is used in the files named here, and nowhere else.

ruff's ``TID251`` bans some of these names for whole files; this table says which name may stand in which file.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "gatepost"

# A dotted name -> the files (globs below src/gatepost) that may use it or anything below it.
ALLOWED: dict[str, tuple[str, ...]] = {
    # Processes: one file starts them.
    "subprocess": ("processes.py",),
    "multiprocessing": ("cli/workers.py",),  # granian's workers are; one says by a pipe that it serves
    "os.fork": (),
    "os.popen": (),
    "os.posix_spawn": (),
    "os.system": (),
    "asyncio.create_subprocess_exec": (),
    "asyncio.create_subprocess_shell": (),
    # Settings: flag, environment and file meet in cli.
    "os.environ": ("cli/**",),
    "os.getenv": ("cli/**",),
    # Randomness and time: drawn in cli, handed on as arguments.
    "os.urandom": ("cli/**",),
    "random": ("cli/**",),
    "secrets": ("cli/**",),
    "uuid.uuid1": (),
    "uuid.uuid4": ("cli/**",),
    "datetime.date.today": ("cli/**",),
    "datetime.datetime.now": ("cli/**",),
    "time.monotonic": ("cli/**", "processes.py"),  # a program that we start has so many seconds
    "time.perf_counter": ("cli/**",),
    "time.time": ("cli/**",),
    "time.time_ns": ("cli/**",),
    # Certificates and keys.
    "OpenSSL": ("core/certificate.py",),
    "cryptography.x509": ("core/certificate.py", "pki/**"),
    "cryptography.hazmat": (
        "core/signature.py",
        "wire/jws.py",  # signs and verifies ES256 itself: a library for it costs an eighth of the whole rate
        "controlplane/keys.py",  # makes and loads the account's own signing key
        "client/identity.py",
        "stores/**",
        "pki/**",
        "storage/keybox.py",
    ),
    "joserfc": ("wire/jws.py", "enforcement/assertion.py"),
    # Databases: ours in storage, a person's NSS database in its reader.
    "sqlite3": ("stores/nssdb.py",),
    "sqlalchemy": ("storage/**",),
    "alembic": ("storage/**",),
    # Faces: the terminal in cli, HTTP in web and client.
    "click": ("cli/**",),
    "rich": ("cli/**",),
    "litestar": ("web/**",),
    "granian": ("cli/**", "web/**"),
    "httpx2": ("client/**", "cli/**"),
    "prometheus_client": ("web/metrics.py",),
    "structlog": ("agent/**", "cli/**", "gateway/**", "web/**"),
}


def used_names(text: str) -> set[str]:
    """Return the dotted names that a module imports, or reaches by attribute from what it imports."""
    tree = ast.parse(text)
    bound: dict[str, str] = {}
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
            bound.update({alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
            bound.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root, _, rest = ast.unparse(node).partition(".")
            names.add(f"{bound.get(root, root)}.{rest}")
    return names


def uses(text: str, choke_point: str) -> bool:
    """Tell whether a module uses ``choke_point`` or anything below it."""
    return any(f"{name}.".startswith(f"{choke_point}.") for name in used_names(text))


@pytest.mark.parametrize("choke_point", ALLOWED)
def test_a_choke_point_is_used_in_its_own_files_alone(choke_point: str) -> None:
    """The files that use a name are among those that the table gives it."""
    allowed = {path for pattern in ALLOWED[choke_point] for path in SOURCE.glob(pattern)}
    allowed |= {path for folder in allowed for path in folder.glob("*.py")}
    actual = {path for path in SOURCE.rglob("*.py") if uses(path.read_text(encoding="utf-8"), choke_point)}
    assert [] == sorted(str(path.relative_to(SOURCE)) for path in actual - allowed)


@pytest.mark.parametrize(
    ("text", "choke_point"),
    [
        ("import subprocess", "subprocess"),
        ("from subprocess import run", "subprocess"),
        ("import os\nos.environ['A']", "os.environ"),
        ("import os as system\nsystem.environ.get('A')", "os.environ"),
        ("from os import environ as settings", "os.environ"),
        ("import datetime\ndatetime.datetime.now()", "datetime.datetime.now"),
        ("from datetime import datetime\ndatetime.now()", "datetime.datetime.now"),
        ("def late():\n    import sqlalchemy.engine", "sqlalchemy"),
        ("from cryptography import x509", "cryptography.x509"),
    ],
)
def test_a_use_is_seen_however_it_is_written(text: str, choke_point: str) -> None:
    """Imports whole, in part, renamed and inside functions all count."""
    assert uses(text, choke_point)


def test_a_name_is_no_use_when_it_only_begins_alike() -> None:
    """``timeit`` is not ``time``, nor ``os.path`` ``os.environ``."""
    assert not uses("import randomness\nimport os\nos.path", "random")
    assert not uses("import os\nos.path", "os.environ")
