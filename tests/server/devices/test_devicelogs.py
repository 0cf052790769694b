"""LogEvents in words: the names of codes, and the log of a device and of the server."""
from __future__ import annotations

from typing import Any

import pytest

from server.devices import devicelogs, enrolment
from server.operations import devices
from server.resources.codes import logevents
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer


@pytest.mark.parametrize("codes, words", [
    ((11, 2), "der: over voltage"), ((11, 3), "der: over voltage is over"),
    ((11, 21), "der: phase rotation is over"), ((11, 22), "der: "), ((0, 0), "general: hardware fault"),
    ((16, 5), "network status: wireless LAN left"), ((18, 0), "configuration: configuration updated"),
    ((19, 2), "security: access refused"), ((12, 0), "time: time adjusted"), ((99, 0), "99: ")])
def test_codes_have_names_in_their_function_set(codes: tuple[int, int], words: str) -> None:
    """The schema's LogEvent; 9.5, 9.6, 9.7, 6.10, tables 13, 20, 32, 34; CSIP, table 14."""
    function_set, code = codes
    assert f"{logevents.function_set(2, function_set)}: {logevents.event(2, function_set, code)}" == words
    assert logevents.event(1, function_set, code) == "", "the codes of others are theirs"
    assert logevents.function_set(1, function_set) == str(function_set)


@pytest.mark.parametrize("number, name", [(0, "not applicable"), (1, "vendor"), (2, "ieee 2030 5"), (9, "9")])
def test_profiles_have_names(number: int, name: str) -> None:
    assert logevents.profile(number) == name


@on_sqlite
def test_the_log_of_a_device_is_the_newest_first(device: Peer) -> None:
    for number, code in enumerate((2, 3, 4)):
        event: dict[str, Any] = {"createdDateTime": NOON + number, "functionSet": 11, "logEventCode": code,
                                 "logEventID": number, "logEventPEN": 40732, "profileID": 2}
        assert device.post("/edev/1/lel", "LogEvent", event).status == 201
    rows = list(devices.log("one", limit=2))
    assert [(row["event"], row["created_at"]) for row in rows] == [
        ("under voltage", NOON + 2), ("over voltage is over", NOON + 1)]
    assert list(devicelogs.rows(None, 9)) == []


@on_sqlite
def test_what_a_device_says_of_itself_is_shown(device: Peer) -> None:
    status = {"changedTime": NOON, "opState": 2}
    device.put("/edev/1/dstat", "DeviceStatus", status)
    device.post("/edev/1/di/loc", "SupportedLocale", {"locale": "en-IE"})
    device.put("/edev/1/cfg", "Configuration", {"currentLocale": "en-IE", "userDeviceName": "porch"})
    says = devices.show("one")["says"]
    assert says["DeviceStatus"] == status and says["Configuration"]["userDeviceName"] == "porch"
    assert says["SupportedLocaleList"] == {"SupportedLocale": [{"locale": "en-IE"}]}
    assert "Registration" not in says and enrolment.find("one").name == "one"
