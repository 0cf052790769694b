"""CONTRIBUTING's worked example is true: its excerpts stand in the schemas, and its code does what the page
says."""
from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from server.devices import enrolment
from server.grid.groups import virtualders
from tests import peers
from tests.test_docs import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
FILES = {"xml": "schemas/messaging.xsd", "toml": "schemas/messaging.toml"}


def blocks(language: str) -> list[str]:
    """The code blocks of the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("language", FILES)
def test_an_excerpt_stands_in_its_file(language: str) -> None:
    text = (ROOT / FILES[language]).read_text()
    assert blocks(language) and [block for block in blocks(language) if block not in text] == []


def test_the_message_is_read_by_members_alone(peer: Callable[[int], peers.Peer]) -> None:
    for number in (1, 2):
        enrolment.enrol(peers.lfdi(number), name=f"device {number}")
    virtualders.create("street", members=["device 1"])
    names: dict[str, str] = {}
    for block in blocks("python"):
        exec(block, names)
    reply = peer(1).get(names["message"])
    assert names["message"] == "/msg/1/txt/1" and reply.status == 200 and reply.data["priority"] == 2
    assert reply.data["replyTo"]
    assert peer(2).get(names["message"]).status == 404
    assert peer(1).get("/msg/1").data["TextMessageListLink"]["all"] == 1
