"""What clients in the field do that the text of the standard alone does not bring to mind."""
from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from server.resources import store
from tests.conftest import NOON
from tests.door import Peer
from tests.standard import full_house


@pytest.mark.parametrize("accept", ["application/sep+xml", "application/sep+xml; level=-S2"])
def test_no_answer_begins_with_an_xml_declaration(house: None, application: Any, accept: str) -> None:
    """IEEE 2030.5-2018, 5.6.2. Clients that decode a body before they parse it refuse one that names an encoding."""
    hrefs = full_house.fill()
    resident = Peer(application.test_client(), full_house.LFDI)
    for href in (*hrefs.values(), "/edev?l=x", "/nowhere"):
        reply = resident.get(href, Accept=accept)
        text = reply.body.decode()
        assert text.startswith(f"<{reply.name} xmlns=") or text.startswith(f"<csipaus:{reply.name} xmlns="), href
        assert etree.fromstring(text) is not None, href
        assert reply.headers["Content-Length"] == str(len(reply.body)), href


def control(start: int, watts: int) -> str:
    return store.add("DERControl", "/derp/1/derc", {"interval": {"start": start, "duration": 600},
                                                    "DERControlBase": {"opModTargetW": {"multiplier": 0, "value": watts}}})


@pytest.fixture
def program(house: None) -> str:
    return store.add("DERProgram", "/derp", {"primacy": 1})


def test_of_two_controls_posted_in_the_same_second_the_later_one_counts(program: str) -> None:
    """Their creationTime is the same, so the mRID decides; ours grow."""
    for turn in range(20):
        start = NOON + 3600 * (turn + 1)
        first, second = control(start, 1), control(start, 2)
        flagged = [store.get(href).status["potentiallySuperseded"] for href in (first, second)]
        assert flagged == [True, False]


@pytest.mark.parametrize("version, status, answer", [
    ("", 251, 400), (' schemaVer="2.2"', 251, 201), (' schemaVer="2.2"', 15, 201), ("", 252, 201), (' schemaVer="2.2"', 16, 400)])
def test_a_body_with_schemaVer_may_use_what_2023_defines(device: Peer, program: str, version: str, status: int,
                                                         answer: int) -> None:
    """Such a client says application/sep+xml in Accept, without a level."""
    mrid = store.get(control(NOON + 60, 1)).stated["mRID"]
    body = (f'<DERControlResponse xmlns="urn:ieee:std:2030.5:ns"{version}><createdDateTime>{NOON}</createdDateTime>'
            f'<endDeviceLFDI>{device.lfdi}</endDeviceLFDI><status>{status}</status><subject>{mrid}</subject>'
            '</DERControlResponse>')
    assert device.ask("POST", "/rsps/1/rsp", body.encode(), Accept="application/sep+xml").status == answer
