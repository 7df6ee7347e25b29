"""``make check`` refuses a library whose licence is not on the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts import check_licences

if TYPE_CHECKING:
    from pathlib import Path


def _install(folder: Path, *lines: str) -> None:
    """Make a distribution named ``borrowed`` in ``folder`` whose metadata end with ``lines``."""
    info = folder / "borrowed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", "Name: borrowed", "Version: 1.0", *lines, ""]))


@pytest.mark.parametrize(
    "lines",
    [
        ("License-Expression: MIT",),
        ("License-Expression: GPL-3.0-only OR Apache-2.0",),
        ("License-Expression: Apache-2.0 AND BSD-2-Clause",),
        ("Classifier: License :: OSI Approved :: MIT License",),
        ("Classifier: License :: OSI Approved", "License: MIT"),
        ("License: BSD-3-Clause",),
    ],
)
def test_a_licence_is_allowed_when_the_list_has_it(lines: tuple[str, ...], tmp_path: Path) -> None:
    """Each way in which metadata name a licence is read."""
    _install(tmp_path, *lines)
    assert check_licences.main([str(tmp_path)]) == 0


@pytest.mark.parametrize(
    "lines",
    [
        ("License-Expression: GPL-3.0-or-later",),
        ("License-Expression: MIT AND GPL-2.0-only",),
        ("License-Expression: (MIT OR Apache-2.0) AND GPL-2.0-only",),
        ("Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)", "License: MIT"),
        ("License: GPL",),
        (),
    ],
)
def test_a_licence_is_refused_when_the_list_lacks_it(
    lines: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A licence that is not allowed, or none, ends the check with status 1 and the distribution's name."""
    _install(tmp_path, *lines)
    assert check_licences.main([str(tmp_path)]) == 1
    assert "borrowed 1.0" in capsys.readouterr().out


def test_the_check_fails_when_nothing_is_installed(tmp_path: Path) -> None:
    """An empty folder is a mistake of the caller, not a clean bill."""
    assert check_licences.main([str(tmp_path)]) == 1
