"""``gatepost demo``: the whole story, told once by the real command, and once by one that goes on serving."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.cli.commands import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

STRANGE = {
    "GATEPOST_PUBLIC_URLS": "https://elsewhere.example",
    "GATEPOST_STATE": "/nowhere/state",
    "GATEPOST_AGENT_CONFIG": "/nowhere/agent.toml",
    "GATEPOST_DATABASE": "sqlite:////nowhere/gatepost.db",
    "GATEPOST_MASTER_KEY_FILE": "/nowhere/key",
    "GATEPOST_SERVER": "https://elsewhere.example",
}
"""A person's own settings, which the story must not touch, nor be touched by."""
REASONS = [
    "common-name-mismatch",
    "certificate-expired",
    "not-issued-by-signing-certificate",
    "extended-key-usage-missing",
    "private-key-missing",
]


def folder_in(text: str) -> Path:
    """Find the folder that the story names in its first line."""
    found = re.search(r"Everything is written to (\S+), and nothing anywhere else", text)
    assert found is not None
    return Path(found[1])


def test_the_story_is_told() -> None:
    """PASS, five FAILs for five reasons, PASS, for both stores; a page; then the log of it; and nothing is left behind."""
    command = [sys.executable, "-m", "gatepost", "demo"]
    outcome = subprocess.run(command, env=os.environ | STRANGE, capture_output=True, text=True, check=False)
    assert (0, "") == (outcome.returncode, outcome.stderr)
    told, _, log = outcome.stdout.partition("The posture log")
    assert ["PASS", "PASS", *["FAIL"] * 10, "PASS", "PASS"] == re.findall(r"^(PASS|FAIL|ERROR)", told, re.MULTILINE)
    failed = re.findall(r"^FAIL +(?:NSS database|PEM files) +(\S+)$", told, re.MULTILINE)
    assert [reason for reason in REASONS for _ in range(2)] == failed
    assert {"evidence: possession"} <= set(re.findall(r"evidence: \w+", told))
    lines = re.findall(r"^\d{4}-\d\d-\d\dT\S+Z +.+? +(pass|fail|error)\b", log, re.MULTILINE)
    assert ["pass", "pass", *["fail"] * 10, "pass", "pass", "fail", "fail", "pass", "pass"] == lines
    opened = re.findall(r"^(\d{3})  with(.*?)  +(.*)$", told, re.MULTILINE)
    assert [
        ("200", " the device's certificate", "Welcome to the wiki."),
        ("403", "out any certificate", "device-not-identified"),
        ("403", " the device's certificate", "private-key-missing"),
        ("200", " the device's certificate", "Welcome to the wiki."),
    ] == opened
    assert re.search(r"gatepost server explain \S+\n +refused at .*\n(?:.*\n)* +not met +require/0 of the policy", told)
    assert not folder_in(outcome.stdout).exists()
    assert not Path("/nowhere").exists()


@pytest.fixture
def serving() -> Iterator[subprocess.Popen[str]]:
    """Start a story that goes on serving."""
    command = [sys.executable, "-m", "gatepost", "demo", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_a_story_that_goes_on_serving_ends_when_it_is_asked_to(serving: subprocess.Popen[str]) -> None:
    """It prints address and token, which are good; its server and its folder go with it."""
    assert serving.stdout is not None
    told = ""
    while "agent  " not in told:
        line = serving.stdout.readline()
        assert line, serving.communicate()
        told += line
    address = re.search(r"^API +(\S+)", told, re.MULTILINE)
    token = re.search(r"^token +(\S+)", told, re.MULTILINE)
    assert address is not None
    assert token is not None
    headers = {"Authorization": f"Bearer {token[1]}"}
    results = httpx2.get(f"{address[1]}/gatepost/results", headers=headers, trust_env=False).json()["result"]
    assert ["pass", "pass"] == [item["status"] for item in results]
    serving.send_signal(signal.SIGTERM)
    assert 128 + signal.SIGTERM == serving.wait(60)
    assert not folder_in(told).exists()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(address[1], trust_env=False)


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is written."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    words = refused("demo")
    assert "certutil is not installed" in words
    assert "libnss3-tools" in words
    assert [] == list(tmp_path.iterdir())


def test_a_missing_nginx_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is looked for where not everybody's path leads, too."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("gatepost.cli.demo.find_nginx", lambda: None)
    assert "nginx is not installed" in refused("demo")


def test_an_unknown_flag_is_named() -> None:
    """With the nearest."""
    assert "--serve" in refused("demo", "--server")
