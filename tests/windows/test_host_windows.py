"""What Windows says of its machine, read for real (the firmware's table is Wine's own there)."""

from __future__ import annotations

import os
import socket
import uuid

from gatepost.agent.host import read_host
from gatepost.agent.host_windows import read_windows
from gatepost.core.device import usable_fact


def test_the_machine_is_named_as_the_system_names_it() -> None:
    """By its DNS host name, also where the older name (NetBIOS) is shorter."""
    assert socket.gethostname().partition(".")[0].lower() == read_windows().name.lower()
    assert os.environ["COMPUTERNAME"].lower() == read_windows().name[:15].lower()


def test_the_facts_are_those_of_the_machine() -> None:
    """The UUID is one, and a fact unless it is a filler, as Wine's is where the system below has no identity either."""
    machine, host = read_windows(), read_host()
    assert machine.device_uuid
    assert machine.device_uuid == str(uuid.UUID(machine.device_uuid))
    assert host.facts.device_uuid == (machine.device_uuid if usable_fact(machine.device_uuid) else None)
    assert machine.name == host.name
    assert machine.os_version.startswith("Windows ")
    assert host.os_version == machine.os_version
