"""What whoever was refused reads."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from gatepost.controlplane.administration.rules import replace_options
from gatepost.wire.management.check_options import CheckOptions
from tests.web.door import Door, fingerprint, proved

if TYPE_CHECKING:
    from tests.controlplane.house import Member


async def test_whoever_waits_for_a_report_reads_so_and_the_device_is_asked_once(door: Door, laptop: Member) -> None:
    """The page goes on by itself; however often it asks, the device is asked once in ten seconds."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    ends_at = laptop.result().result.ends_at
    assert ends_at is not None
    door.house.clock.time = ends_at

    def asked() -> list[int]:
        with door.house.storage.reading() as records:
            return list(records.report_requests.open([door.house.account]))

    assert [] == asked()
    answer = await door.ask(**told)
    assert answer.json()["retry"]
    assert [laptop.registration.number] == asked()
    page = await door.client.get(
        "/access/v1/refused", headers={"X-Gatepost-Page": answer.headers["x-gatepost-page"], "Accept": "text/html"}
    )
    assert 403 == page.status_code
    assert "Checking this device…" in page.text
    assert 'http-equiv="refresh"' in page.text
    with door.house.storage.writing() as records:
        records.report_requests.forget(door.house.clock() + 1)
    await door.ask(**told)
    assert [] == asked()
    door.house.clock.time += 10_000
    await door.ask(**told)
    assert [laptop.registration.number] == asked()


async def test_the_page_says_which_check_failed_in_words_and_in_its_administrators(door: Door, laptop: Member) -> None:
    """Markup in either is text; what is no story of ours shows none."""
    options = CheckOptions(message="Ask <b>Ann</b> & Bob.")
    replace_options(door.house.services, door.house.account, door.check, options)
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    laptop.send(laptop.compose())
    answer = await door.ask(**told)
    headers = {"X-Gatepost-Page": answer.headers["x-gatepost-page"], "Accept": "text/html,*/*"}
    page = await door.client.get("/access/v1/refused", headers=headers)
    assert "<h2>laptops</h2>" in page.text
    assert "No certificate was found on this device" in page.text
    assert "Ask &lt;b&gt;Ann&lt;/b&gt; &amp; Bob." in page.text
    assert answer.headers["x-gatepost-reference"] in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    whole = await door.client.get(
        "/access/v1/decide", headers=door.headers(**told, answer="page") | {"Accept": "text/html"}
    )
    assert "<h2>laptops</h2>" in whole.text
    for wrong in ("", "%", base64.b64encode(b"[]").decode(), base64.b64encode(b'{"reasons":["x"]}').decode()):
        other = await door.client.get("/access/v1/refused", headers={"X-Gatepost-Page": wrong, "Accept": "text/html"})
        assert (403, True) == (other.status_code, "Please ask your administrator." in other.text)
    assert b"" == (await door.client.head("/access/v1/refused", headers=headers)).content
