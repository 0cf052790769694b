"""What the schema says in words about values, and its types do not check (IEEE 2030.5-2018, 9.8, 10.5,
10.6)."""
from __future__ import annotations

from typing import Any

import pytest

from server.errors import Refused
from server.resources import store
from tests.peers import Peer
from tests.standard.every_resource import sample

TTI = "/tp/1/rc/1/tti/1"


def blocks(server: None) -> str:
    """The list of blocks of a TimeTariffInterval."""
    store.put("/tp/1", sample("TariffProfile"))
    store.put("/tp/1/rc/1", sample("RateComponent"))
    store.put(TTI, {**sample("TimeTariffInterval"), "creationTime": 1, "mRID": "01"})
    return f"{TTI}/cti"


@pytest.mark.parametrize("values, fits", [
    ([0], True), ([0, 500, 501], True), ([500], False), ([0, 500, 500], False), ([0, 500, 100], False)])
def test_blocks_begin_at_0_and_ascend(server: None, values: list[int], fits: bool) -> None:
    """ConsumptionTariffInterval, startValue: the first is 0, each next one strictly greater."""
    href = blocks(server)
    try:
        for block, value in enumerate(values):
            store.add("ConsumptionTariffInterval", href, {"consumptionBlock": block + 1, "startValue": value})
    except Refused as refused:
        assert refused.status == 400 and not fits
    assert (len(store.items(href)) == len(values)) == fits


@pytest.mark.parametrize("limits, fits", [
    ((), True), (("flowRateStartLimit", "flowRateEndLimit"), True), (("flowRateStartLimit",), False),
    (("flowRateEndLimit",), False)])
def test_limits_of_a_flow_rate_are_there_together(server: None, limits: tuple[str, ...], fits: bool) -> None:
    """RateComponent: flowRateStartLimit and flowRateEndLimit only together."""
    store.put("/tp/1", sample("TariffProfile"))
    data = {key: value for key, value in sample("RateComponent").items() if not key.startswith("flowRate")}
    data |= {name: {"multiplier": 0, "unit": 38, "value": 1} for name in limits}
    if fits:
        store.add("RateComponent", "/tp/1/rc", data)
    else:
        with pytest.raises(Refused, match="together"):
            store.add("RateComponent", "/tp/1/rc", data)


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
