"""What the schema says in words about values, and its types do not check (IEEE 2030.5-2018, 9.8, 10.6)."""
from __future__ import annotations

from typing import Any

import pytest

from server.errors import Refused
from server.resources import store
from tests.peers import Peer
from tests.standard.every_resource import sample


@pytest.mark.parametrize("priority", range(6))
def test_a_message_has_a_priority_that_is_defined(server: None, priority: int) -> None:
    """PriorityType: 0 low to 3 critical."""
    program = store.add("MessagingProgram", "/msg", {"locale": "en", "primacy": 1})
    message = {**sample("TextMessage"), "priority": priority}
    if priority <= 3:
        store.add("TextMessage", f"{program}/txt", message)
    else:
        with pytest.raises(Refused, match="reserved"):
            store.add("TextMessage", f"{program}/txt", message)


@pytest.mark.parametrize("values, status", [
    ({}, 201), ({"status": 8, "loadPercent": 100}, 201), ({"status": 9}, 400), ({"status": 99}, 400),
    ({"loadPercent": 101}, 400)])
def test_the_state_of_a_download_is_defined(device: Peer, values: dict[str, Any], status: int) -> None:
    """FileStatus: status 0 to 8, loadPercent 0 to 100."""
    data = {key: value for key, value in sample("FileStatus").items() if key != "FileLink"}
    assert device.put("/edev/1/fs", "FileStatus", {**data, **values}).status == status
