"""What ``gatepost check`` costs, the whole process, beside a Python that only imports the libraries it judges with."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Final

from bench.harness import Bound, Comparison, Figure, Sense, Side
from bench.nss_databases import LAPTOP, make_database
from bench.processor_time import of_child
from tests.certificates import CertificateAuthority

_GATEPOST: Final = str(Path(sys.executable).with_name("gatepost"))
_IMPORTS: Final = "import cryptography.x509, OpenSSL"
_CERTIFICATES: Final = 10
_ROUNDS: Final = 30


def measure(folder: Path) -> tuple[Figure, ...]:
    """Measure both forms of the answer; the bound is on the one for programs."""
    authority = CertificateAuthority.create(cn="Example Issuing CA 1")
    issuer = folder / "ca.pem"
    issuer.write_bytes(authority.pem)
    database = make_database(folder, authority, _CERTIFICATES)
    check = [_GATEPOST, "check", "--issuer", str(issuer), "--nssdb", str(database), "--cn", LAPTOP, "--format"]
    return (
        _compare([*check, "json"], Bound(Sense.AT_MOST, 1.6)),
        _compare([*check, "text"], None),
    )


def _compare(command: list[str], bound: Bound | None) -> Figure:
    form = command[-1]
    return Comparison(
        name=f"gatepost check, {form}",
        subject=Side(
            f"`gatepost check --issuer … --nssdb … --cn … --format {form}`, from start to end, on a database of "
            f"{_CERTIFICATES} certificates that passes",
            partial(of_child, command),
        ),
        anchor=Side(
            f"`python -c {_IMPORTS!r}`, from start to end", partial(of_child, [sys.executable, "-c", _IMPORTS])
        ),
        unit="a process",
        bound=bound,
        rounds=_ROUNDS,
    ).run()
