"""The operator's verbs, as an operator types them, on a real database."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server import clock
from server.cli import main
from server.devices import enrolment, lastcontact
from tests import peers
from tests.conftest import NOON

SOLAR = {"modesSupported": "00100084", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 4}
Verb = Callable[..., Any]


@pytest.fixture
def run(server: None) -> Callable[..., Result]:
    """Type a command line; the clock stays where the test has turned it."""
    def invoke(*words: str, fails: bool = False) -> Result:
        pace = clock.spec()
        from server.config import settings
        settings.clock = pace
        result = CliRunner().invoke(main, list(words), catch_exceptions=False)
        assert (result.exit_code != 0) == fails, result.output
        return result
    return invoke


@pytest.fixture
def run_json(run: Callable[..., Result]) -> Verb:
    """Type a command line with --json; what it printed."""
    def invoke(*words: str) -> Any:
        return json.loads(run(*words, "--json").stdout)
    return invoke


@pytest.fixture
def homes(run_json: Verb, peer: Callable[[int], peers.Peer]) -> list[peers.Peer]:
    """Two homes with solar in a virtual DER `solar` under `street`; both have said what they are."""
    run_json("vder", "create", "street")
    run_json("vder", "create", "solar", "--parent", "street", "--rule", "kind = pv")
    clients = []
    for number in (1, 2):
        run_json("enrol", peers.lfdi(number), "--name", f"home {number}", "--kind", "pv")
        home = peer(number)
        assert home.put(f"/edev/{number}/der/1/dercap", "DERCapability", SOLAR).status == 204
        clients.append(home)
    lastcontact.flush()
    return clients


def test_a_device_is_enrolled_shown_labelled_suspended_restored_removed(
    run_json: Verb, run: Verb, peer: Any
) -> None:
    enrolled = run_json("enrol", peers.lfdi(1), "--name", "home", "--pin", "123455", "--label", "feeder=F1")
    assert enrolled["pin"] == "123455" and enrolled["labels"] == {"feeder": "F1"}
    assert [row["lfdi"] for row in run_json("device", "list")] == [peers.lfdi(1)]
    assert run_json("device", "label", "home", "feeder=F2", "phase=a")["labels"] == {"feeder": "F2",
                                                                                     "phase": "a"}
    assert run_json("device", "label", "home", "--remove", "phase")["labels"] == {"feeder": "F2"}
    assert run_json("device", "list", "--label", "feeder=F1") == []
    run_json("device", "suspend", "home")
    assert peer(1).get("/dcap").status == 403
    run_json("device", "restore", "home")
    assert peer(1).get("/dcap").status == 200
    run_json("device", "remove", "home", "--yes")
    assert run_json("device", "list") == [] and peer(1).get("/edev").status == 404


@pytest.mark.parametrize("words, why", [
    (["enrol", "123"], "40 hexadecimal digits"),
    (["enrol", peers.lfdi(1), "--pin", "123456"], "the last digit"),
    (["enrol"], "either an LFDI or --from"),
    (["device", "show", "nobody"], "no device is called 'nobody'"),
    (["vder", "create", "x", "--rule", "feeder ="], "feeder ="),
    (["vder", "show", "nobody"], "no virtual DER 'nobody'"),
    (["control", "post", "nobody", "opModMaxLimW=50%", "--duration", "1h"], "no virtual DER 'nobody'"),
    (["poll-rate", "60", "--kind", "Nothing"], "no resource Nothing"),
    (["--set", "port=many", "settings"], "is not a whole number"),
    (["--set", "nothing=1", "settings"], "no setting is called 'nothing'"),
])
def test_what_cannot_be_is_refused_in_words(run: Verb, words: list[str], why: str) -> None:
    assert why in run(*words, fails=True).output


def test_many_are_enrolled_from_a_file_or_none_at_all(run_json: Verb, run: Verb, tmp_path: Any) -> None:
    file = tmp_path / "devices.json"
    file.write_text(
        json.dumps(
            [{"lfdi": peers.lfdi(number), "name": f"d{number}", "kind": "pv"} for number in range(1, 6)]
        )
    )
    assert len(run_json("enrol", "--from", str(file))) == 5
    file.write_text(json.dumps([{"lfdi": peers.lfdi(7)}, {"lfdi": peers.lfdi(1)}]))
    assert "enrolled already" in run("enrol", "--from", str(file), fails=True).output
    assert len(run_json("device", "list")) == 5
    new, = run_json("enrol", "--from", str(file), "--skip-enrolled")
    assert new["lfdi"] == peers.lfdi(7)
    file.write_text("{")
    assert str(file) in run("enrol", "--from", str(file), fails=True).output


def test_a_control_is_posted_in_words_read_by_its_members_and_cancelled(
    run_json: Verb, homes: list[peers.Peer]
) -> None:
    posted = run_json("control", "post", "solar", "opModMaxLimW=50%", "--start", "+15m", "--duration",
                      "1h30m",
                 "--randomize-start", "60", "--description", "noon")
    assert (
        posted["base"] == {"opModMaxLimW": 5000}
        and posted["start"] == NOON + 900
        and posted["duration_s"] == 5400
    )
    resource = homes[0].get(posted["href"]).data
    assert resource["randomizeStart"] == 60 and resource["EventStatus"]["currentStatus"] == 0
    assert [row["href"] for row in run_json("control", "list", "solar")] == [posted["href"]]
    assert "<DERControl" in run_json("control", "show", posted["href"])["xml"]
    assert (
        run_json("control", "cancel", posted["href"], "--randomized")["status"]
        == "cancelled with randomization"
    )
    assert homes[0].get(posted["href"]).data["EventStatus"]["currentStatus"] == 3


def test_a_dry_run_shows_the_xml_and_leaves_nothing(run_json: Verb, homes: list[peers.Peer]) -> None:
    tried = run_json("control", "post", "solar", "opModConnect=no", "--duration", "5m", "--dry-run")
    assert "<opModConnect>false</opModConnect>" in tried["xml"][0] and run_json("control", "list") == []
    tried = run_json("dispatch", "solar", "--limit", "40", "--duration", "5m", "--dry-run")
    assert len(tried["shares"]) == 2 and run_json("dispatch", "list") == [] and run_json("control",
                                                                                         "list") == []


def test_a_mode_that_no_member_supports_warns(run: Verb, homes: list[peers.Peer]) -> None:
    result = run("control", "post", "solar", "opModFixedVar=100", "--duration", "5m", fails=True)
    assert "write it as JSON with refType, value" in result.output
    result = run("control", "post", "solar", "opModEnergize=no", "--duration", "5m")
    assert "no member supports opModEnergize" in result.output


def test_an_order_is_followed_from_posting_to_the_last_answer(run_json: Verb,
                                                              homes: list[peers.Peer]) -> None:
    order = run_json("dispatch", "solar", "--limit", "40", "--start", "+1m", "--duration", "5m")
    control = homes[0].get(order["shares"][0]["control"]).data
    assert control["DERControlBase"] == {"opModMaxLimW": 4000}
    for status in (1, 2, 3):
        clock.advance(60)
        answer = {"createdDateTime": clock.now(), "endDeviceLFDI": homes[0].lfdi, "status": status,
                  "subject": control["mRID"]}
        assert homes[0].post("/rsps/1/rsp", "DERControlResponse", answer).status == 201
    shown = run_json("dispatch", "show", str(order["id"]))
    assert shown["answers"] == {"completed": 1, "waiting": 1}
    by_href, by_mrid = run_json("responses", order["shares"][0]["control"]), run_json("responses",
                                                                                      control["mRID"])
    assert [row["status"] for row in by_href] == [3, 2, 1] and by_href == by_mrid
    assert run_json("dispatch", "cancel", str(order["id"]))["status"] == "cancelled"


def test_defaults_and_curves(run_json: Verb, homes: list[peers.Peer]) -> None:
    run_json("vder", "default", "solar", "opModMaxLimW=90%", "--also", "setGradW=0.27%/s")
    program = run_json("vder", "show", "solar")["program"]
    assert homes[0].get(f"{program}/dderc").data["setGradW"] == 27
    curve = run_json(
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
    run_json("control", "post", "solar", f"opModVoltVar={curve['href']}", "--duration", "1h")
    assert homes[0].get(curve["href"]).data["curveType"] == 11
    assert {row["mode"] for row in run_json("preview", "home 1")["follows"]} == {"opModMaxLimW",
                                                                                 "opModVoltVar"}
    cleared = run_json("vder", "default", "solar", "--clear")
    assert cleared == {"vder": "solar", "default": None, "in_words": []}


def test_rates_reach_the_device(run_json: Verb, homes: list[peers.Peer]) -> None:
    run_json("poll-rate", "60", "--kind", "EndDeviceList")
    assert homes[0].get("/edev").data["pollRate"] == 60
    run_json("poll-rate", "30s", "--device", "home 2")
    assert homes[1].get("/edev").data["pollRate"] == 30 and homes[0].get("/edev").data["pollRate"] == 60
    assert homes[1].get("/edev/2/rg").data["pollRate"] == 30
    run_json("post-rate", "15m", "--device", "home 1")
    assert homes[0].get("/edev/1").data["postRate"] == 900
    assert run_json("poll-rate", "--device", "home 2", "--clear")[-1]["seconds"] == 300
    assert homes[1].get("/edev").data["pollRate"] == 60


def test_readings_are_shown(run_json: Verb, homes: list[peers.Peer]) -> None:
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
    row, = run_json("readings", "home 1")
    assert (row["quantity"], row["value"], row["uom"], row["start"]) == ("power", 1234, 38, NOON - 60)


def test_tables_for_people(run: Verb, homes: list[peers.Peer]) -> None:
    listed = run("vder", "list").output
    assert "  solar" in listed and "street" in listed
    assert "home 1" in run("device", "list").output
    assert "2025-06-15T12:00:00Z" in run("device", "show", "home 1").output


def test_a_healthy_house_is_not_changed_by_reindex(run_json: Verb, homes: list[peers.Peer]) -> None:
    run_json("control", "post", "solar", "opModMaxLimW=50%", "--duration", "1h")
    assert run_json("reindex") == {"changed": 0}


@pytest.mark.parametrize("words, found", [
    (["--kind", "EV-Charger"], 1), (["--kind", "evcharger"], 1), (["--kind", "pv"], 0),
    (["--kind", "old kind"], 1)])
def test_devices_are_listed_by_kind_in_any_spelling(run_json: Verb, words: list[str], found: int) -> None:
    enrolment.enrol(peers.lfdi(101), kind="ev_charger")
    enrolment.enrol(peers.lfdi(102), kind="old kind")  # of an earlier release
    assert len(run_json("device", "list", *words)) == found


def test_a_kind_that_does_not_exist_is_refused_with_what_was_meant(run: Verb) -> None:
    output = run("device", "list", "--kind", "Batery", fails=True).output
    assert "did you mean battery" in output


def test_a_mode_that_is_given_twice_is_refused_as_its_usage_calls_it(run: Verb) -> None:
    output = run("control", "post", "F12", "opModConnect=yes", "opModConnect=no", "--duration", "1h",
                 fails=True).output
    assert "Invalid value for 'MODE=VALUE': opModConnect is given twice" in output
