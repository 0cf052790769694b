"""The operator's verbs, as an operator types them, on a real database."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server import clock
from server.cli import main
from server.devices import lastcontact
from tests import peers
from tests.conftest import NOON

SOLAR = {"modesSupported": "00100084", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 4}
Verb = Callable[..., Any]


@pytest.fixture
def run(server: None) -> Callable[..., Result]:
    """Type a command line; the clock stays where the test has turned it."""
    def typed(*words: str, fails: bool = False) -> Result:
        pace = clock.spec()
        from server.config import settings
        settings.clock = pace
        result = CliRunner().invoke(main, list(words), catch_exceptions=False)
        assert (result.exit_code != 0) == fails, result.output
        return result
    return typed


@pytest.fixture
def say(run: Callable[..., Result]) -> Verb:
    """Type a command line with --json; what it printed."""
    def typed(*words: str) -> Any:
        return json.loads(run(*words, "--json").stdout)
    return typed


@pytest.fixture
def homes(say: Verb, peer: Callable[[int], peers.Peer]) -> list[peers.Peer]:
    """Two homes with solar in a virtual DER `solar` under `street`; both have said what they are."""
    say("vder", "create", "street")
    say("vder", "create", "solar", "--parent", "street", "--rule", "kind = pv")
    found = []
    for number in (1, 2):
        say("enrol", peers.lfdi(number), "--name", f"home {number}", "--kind", "pv")
        one = peer(number)
        assert one.put(f"/edev/{number}/der/1/dercap", "DERCapability", SOLAR).status == 204
        found.append(one)
    lastcontact.flush()
    return found


def test_a_device_is_enrolled_shown_labelled_suspended_restored_removed(
    say: Verb, run: Verb, peer: Any
) -> None:
    enrolled = say("enrol", peers.lfdi(1), "--name", "home", "--pin", "123455", "--label", "feeder=F1")
    assert enrolled["pin"] == "123455" and enrolled["labels"] == {"feeder": "F1"}
    assert [row["lfdi"] for row in say("device", "list")] == [peers.lfdi(1)]
    assert say("device", "label", "home", "feeder=F2", "phase=a")["labels"] == {"feeder": "F2", "phase": "a"}
    assert say("device", "label", "home", "--remove", "phase")["labels"] == {"feeder": "F2"}
    assert say("device", "list", "--label", "feeder=F1") == []
    say("device", "suspend", "home")
    assert peer(1).get("/dcap").status == 403
    say("device", "restore", "home")
    assert peer(1).get("/dcap").status == 200
    say("device", "remove", "home", "--yes")
    assert say("device", "list") == [] and peer(1).get("/edev").status == 404


@pytest.mark.parametrize("words, why", [
    (["enrol", "123"], "40 hexadecimal digits"),
    (["enrol", peers.lfdi(1), "--pin", "123456"], "the last digit"),
    (["enrol"], "either an LFDI or --from"),
    (["device", "show", "nobody"], "no device is called 'nobody'"),
    (["vder", "create", "x", "--rule", "feeder ="], "feeder ="),
    (["vder", "show", "nobody"], "no virtual DER 'nobody'"),
    (["control", "post", "nobody", "opModMaxLimW=50%", "--duration", "1h"], "no virtual DER 'nobody'"),
    (["poll-rate", "60", "--kind", "Nothing"], "no resource Nothing"),
    (["--set", "port=many", "settings"], "is no whole number"),
    (["--set", "nothing=1", "settings"], "no setting is called 'nothing'"),
])
def test_what_cannot_be_is_refused_in_words(run: Verb, words: list[str], why: str) -> None:
    assert why in run(*words, fails=True).output


def test_many_are_enrolled_from_a_file_or_none_at_all(say: Verb, run: Verb, tmp_path: Any) -> None:
    file = tmp_path / "devices.json"
    file.write_text(
        json.dumps(
            [{"lfdi": peers.lfdi(number), "name": f"d{number}", "kind": "pv"} for number in range(1, 6)]
        )
    )
    assert len(say("enrol", "--from", str(file))) == 5
    file.write_text(json.dumps([{"lfdi": peers.lfdi(7)}, {"lfdi": peers.lfdi(1)}]))
    assert "enrolled already" in run("enrol", "--from", str(file), fails=True).output
    assert len(say("device", "list")) == 5
    file.write_text("{")
    assert str(file) in run("enrol", "--from", str(file), fails=True).output


def test_a_control_is_posted_in_words_read_by_its_members_and_cancelled(
    say: Verb, homes: list[peers.Peer]
) -> None:
    posted = say("control", "post", "solar", "opModMaxLimW=50%", "--start", "+15m", "--duration", "1h30m",
                 "--randomize-start", "60", "--description", "noon")
    assert (
        posted["base"] == {"opModMaxLimW": 5000}
        and posted["start"] == NOON + 900
        and posted["duration_s"] == 5400
    )
    seen = homes[0].get(posted["href"]).data
    assert seen["randomizeStart"] == 60 and seen["EventStatus"]["currentStatus"] == 0
    assert [row["href"] for row in say("control", "list", "solar")] == [posted["href"]]
    assert "<DERControl" in say("control", "show", posted["href"])["xml"]
    assert (
        say("control", "cancel", posted["href"], "--randomized")["status"] == "cancelled with randomization"
    )
    assert homes[0].get(posted["href"]).data["EventStatus"]["currentStatus"] == 3


def test_a_dry_run_shows_the_xml_and_leaves_nothing(say: Verb, homes: list[peers.Peer]) -> None:
    tried = say("control", "post", "solar", "opModConnect=no", "--duration", "5m", "--dry-run")
    assert "<opModConnect>false</opModConnect>" in tried["xml"][0] and say("control", "list") == []
    tried = say("dispatch", "solar", "--limit", "40", "--duration", "5m", "--dry-run")
    assert len(tried["shares"]) == 2 and say("dispatch", "list") == [] and say("control", "list") == []


def test_a_mode_that_no_member_supports_warns(run: Verb, homes: list[peers.Peer]) -> None:
    result = run("control", "post", "solar", "opModFixedVar=100", "--duration", "5m", fails=True)
    assert "write it as JSON with refType, value" in result.output
    result = run("control", "post", "solar", "opModEnergize=no", "--duration", "5m")
    assert "no member supports opModEnergize" in result.output


def test_an_order_is_followed_from_posting_to_the_last_answer(say: Verb, homes: list[peers.Peer]) -> None:
    order = say("dispatch", "solar", "--limit", "40", "--start", "+1m", "--duration", "5m")
    control = homes[0].get(order["shares"][0]["control"]).data
    assert control["DERControlBase"] == {"opModMaxLimW": 4000}
    for status in (1, 2, 3):
        clock.advance(60)
        answer = {"createdDateTime": clock.now(), "endDeviceLFDI": homes[0].lfdi, "status": status,
                  "subject": control["mRID"]}
        assert homes[0].post("/rsps/1/rsp", "DERControlResponse", answer).status == 201
    shown = say("dispatch", "show", str(order["id"]))
    assert shown["answers"] == {"completed": 1, "waiting": 1}
    by_href, by_mrid = say("responses", order["shares"][0]["control"]), say("responses", control["mRID"])
    assert [row["status"] for row in by_href] == [3, 2, 1] and by_href == by_mrid
    assert say("dispatch", "cancel", str(order["id"]))["status"] == "cancelled"


def test_defaults_and_curves(say: Verb, homes: list[peers.Peer]) -> None:
    say("vder", "default", "solar", "opModMaxLimW=90%", "--also", "setGradW=27")
    program = say("vder", "show", "solar")["program"]
    assert homes[0].get(f"{program}/dderc").data["setGradW"] == 27
    curve = say(
        "control",
        "curve",
        "solar",
        "--type",
        "opModVoltVar",
        "--point",
        "9500,44",
        "--point",
        "10500,-44",
        "--y-ref-type",
        "1",
        "--y-multiplier",
        "0",
    )
    say("control", "post", "solar", f"opModVoltVar={curve['href']}", "--duration", "1h")
    assert homes[0].get(curve["href"]).data["curveType"] == 11
    assert {row["mode"] for row in say("preview", "home 1")["follows"]} == {"opModMaxLimW", "opModVoltVar"}
    assert say("vder", "default", "solar", "--clear") == {"vder": "solar", "default": None}


def test_rates_reach_the_device(say: Verb, homes: list[peers.Peer]) -> None:
    say("poll-rate", "60", "--kind", "EndDeviceList")
    assert homes[0].get("/edev").data["pollRate"] == 60
    say("poll-rate", "30s", "--device", "home 2")
    assert homes[1].get("/edev").data["pollRate"] == 30 and homes[0].get("/edev").data["pollRate"] == 60
    assert homes[1].get("/edev/2/rg").data["pollRate"] == 30
    say("post-rate", "15m", "--device", "home 1")
    assert homes[0].get("/edev/1").data["postRate"] == 900
    assert say("poll-rate", "--device", "home 2", "--clear")[-1]["seconds"] == 300
    assert homes[1].get("/edev").data["pollRate"] == 60


def test_readings_are_shown(say: Verb, homes: list[peers.Peer]) -> None:
    mirror = {
        "mRID": "01",
        "roleFlags": "00",
        "serviceCategoryKind": 0,
        "status": 1,
        "deviceLFDI": homes[0].lfdi,
        "MirrorMeterReading": [
            {
                "mRID": "02",
                "description": "power",
                "ReadingType": {"uom": 38},
                "Reading": {"value": 1234, "timePeriod": {"start": NOON - 60, "duration": 60}},
            }
        ],
    }
    assert homes[0].post("/mup", "MirrorUsagePoint", mirror).status == 201
    row, = say("readings", "home 1")
    assert (row["quantity"], row["value"], row["uom"], row["start"]) == ("power", 1234, 38, NOON - 60)


def test_tables_for_people(run: Verb, homes: list[peers.Peer]) -> None:
    listed = run("vder", "list").output
    assert "  solar" in listed and "street" in listed
    assert "home 1" in run("device", "list").output
    assert "2025-06-15T12:00:00Z" in run("device", "show", "home 1").output


def test_a_healthy_house_is_not_changed_by_reindex(say: Verb, homes: list[peers.Peer]) -> None:
    say("control", "post", "solar", "opModMaxLimW=50%", "--duration", "1h")
    assert say("reindex") == {"changed": 0}
