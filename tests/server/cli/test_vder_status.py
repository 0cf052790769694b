"""`vder status` and `vder capability`, as an operator types them."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server import clock
from server.cli import main
from server.config import settings
from server.devices import lastcontact
from server.grid.groups import virtualders
from tests.peers import Peer

STORE = {
    "modesSupported": "00000080",
    "rtgMaxW": {"multiplier": 0, "value": 5000},
    "type": 80,
    "rtgMaxChargeRateW": {"multiplier": 0, "value": 4000},
    "rtgMaxWh": {"multiplier": 0, "value": 10_000},
}


@pytest.fixture
def run(device: Peer) -> Callable[..., Result]:
    """Type a command line at a server where `street` has a battery that is half full as far as is known."""
    assert device.put("/edev/1/der/1/dercap", "DERCapability", STORE).status == 204
    lastcontact.flush()
    virtualders.create("city")
    virtualders.create("street", members=["one"], parent="city")

    def invoke(*words: str) -> Result:
        settings.clock = clock.spec()
        return CliRunner().invoke(main, ["vder", *words], catch_exceptions=False)
    return invoke


def json_of(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_status(run: Callable[..., Result]) -> None:
    result = json_of(run("status", "street", "--json"))
    assert (result["members"], result["available"], result["claimed_w"]) == (1, 1, 5000)
    assert "street" in run("status", "street").output
    assert json_of(run("status", "street", "--equivalent-der", "--json"))["DERCapability"]["rtgMaxW"] == {
        "multiplier": 0,
        "value": 5000,
    }


def test_capability(run: Callable[..., Result]) -> None:
    result = json_of(run("capability", "city", "--horizon", "2h", "--step", "30m", "--quantile", "0.9",
                         "--json"))
    assert [row["up_w"] for row in result["steps"]] == [5000] * 4 and result["steps"][0]["verified_up_w"] == 0
    assert result["steps"][1]["start"] - result["steps"][0]["start"] == 1800
    assert [child["name"] for child in result["children"]] == ["street"]
    assert "verified" in run("capability", "city").output


@pytest.mark.parametrize(
    "words",
    [
        ("capability", "street", "--step", "1s"),
        ("capability", "street", "--quantile", "0.7"),
        ("capability", "nowhere"),
        ("status", "nowhere"),
    ],
)
def test_what_cannot_be_is_said(run: Callable[..., Result], words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code != 0 and "Error" in result.output
