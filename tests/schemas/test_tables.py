"""schemas/*.toml against the interface description of IEEE 2030.5-2018 (tests/data/resources.csv), row by
row."""
from __future__ import annotations

import csv
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from xmlschema.validators import XsdElement

from tests.schemas.editions import CSIPAUS, SEP, path, roots

FOLDER = Path(path("ours")).parent
TABLES = {file.stem: tomllib.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.toml"))}
ROWS: dict[str, dict[str, Any]] = {name: row for table in TABLES.values() for name, row in table.items()}
FACTS = {row["resource"]: row for row in csv.DictReader(
    (Path(__file__).parents[1] / "data" / "resources.csv").read_text("utf-8").splitlines())}
OUR_OWN = {"AssignedDERProgramList", "AssignedDemandResponseProgramList", "AssignedMessagingProgramList",
           "AssignedTariffProfileList", "ConnectionPoint", "RateComponentReadingType",
           "SelfDeviceInformation", "SelfDeviceStatus", "SelfLogEvent", "SelfLogEventList",
           # of the 2023 edition
           "AggregatedDevice", "AggregatedDeviceList", "AggregationPriority", "ComponentDERAvailability",
           "ComponentDERCapability", "ComponentDERSettings", "ComponentDERStatus", "CurrentDERControls",
           "DERComponent", "DERComponentList", "ProxiedDevice", "ProxiedDeviceList",
           # of each reading of a customer what the description has once, at /brs
           *(f"{reading}{element}" for reading in ("Historical", "Projection", "Target") for element in (
               "BillingReading", "BillingReadingList", "BillingReadingSet", "BillingReadingSetList",
               "ReadingType"))}
KEYS = {"path", "modes", "element", "of", "query", "order", "posted", "writer", "response", "statuses",
        "publisher", "assigned", "quota", "private", "copied", "subscribable", "edition", "blank",
        "most_2023", "response_set"}
# Beyond the one element that the description names.
ALSO_POSTED = {
    "MirrorUsagePoint": ["MirrorMeterReading", "MirrorMeterReadingList"],
    "ResponseList": ["Response", "DERControlResponse", "DrResponse", "FlowReservationResponseResponse",
                     "PriceResponse", "TextResponse", "DefaultDERControlResponse"],
}


def numbered(path: str) -> str:
    """A path with its parameters as the description writes them: {id1}, {id2} …"""
    parts = re.split(r"<int:\w+>", path)
    return parts[0] + "".join(f"{{id{at}}}{part}" for at, part in enumerate(parts[1:], 1))


def element(name: str) -> str:
    return ROWS[name].get("element", name)


def component(name: str) -> XsdElement:
    return roots("ours").get(f"{{{SEP}}}{name}") or roots("ours")[f"{{{CSIPAUS}}}{name}"]


def item(name: str) -> str:
    """The element a list holds."""
    return next(node.local_name for node in component(element(name)).type.content.iter_elements()
                if isinstance(node, XsdElement) and node.max_occurs != 1)


def test_all_resources_and_no_other() -> None:
    assert len(FACTS) == 126
    assert set(ROWS) == {*FACTS, *OUR_OWN}
    assert sum(map(len, TABLES.values())) == len(ROWS), "a name stands in two files"


@pytest.mark.parametrize("name", FACTS)
def test_row(name: str) -> None:
    row, fact = ROWS[name], FACTS[name]
    assert numbered(row["path"]) == fact["path"]
    assert row["modes"] == fact["modes_get_head_put_post_delete"]
    assert element(name) == fact["element"]
    assert row.get("query", "") == fact["list_query"]
    assert row.get("order", []) == fact["list_order"].split()
    posted = row.get("posted") or ([item(name)] if fact["posted"] else [])
    assert posted == (ALSO_POSTED.get(name) or fact["posted"].split())


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_only_what_the_schema_does_not(name: str) -> None:
    assert set(ROWS[name]) <= KEYS
    assert ROWS[name].get("element") != name
    assert ROWS[name].get("posted") != ([item(name)] if ROWS[name].get("query") else [])
    assert component(element(name)) is not None


@pytest.mark.parametrize("name", [name for name in ROWS if "order" in ROWS[name]])
def test_lists_are_ordered_by_what_their_items_have(name: str) -> None:
    for stated in ROWS[name]["order"]:
        held = component(item(name)).type
        for step in stated.lstrip("-").split("/"):
            if step in held.attributes:
                held = held.attributes[step].type
                continue
            held = next(node.type for node in held.content.iter_elements() if node.local_name == step)


def test_a_parameter_has_one_name_wherever_its_path_leads() -> None:
    names: dict[str, set[str]] = {}
    for row in ROWS.values():
        for match in re.finditer(r"<int:(\w+)>", row["path"]):
            names.setdefault(numbered(row["path"][:match.end()]), set()).add(match[1])
        used = re.findall(r"<int:(\w+)>", row["path"])
        assert len(used) == len(set(used)), row
    assert all(len(match) == 1 for match in names.values()), names


def test_only_responses_share_a_path() -> None:
    shared: dict[str, list[str]] = {}
    for name, row in ROWS.items():
        shared.setdefault(row["path"], []).append(name)
    assert [names for names in shared.values() if len(names) > 1] == [
        [
            "Response",
            "PriceResponse",
            "TextResponse",
            "DERControlResponse",
            "FlowReservationResponseResponse",
            "DrResponse",
        ]
    ]


def test_views_name_what_they_select_from() -> None:
    views = {name: row["of"] for name, row in ROWS.items() if "of" in row}
    for name, of in views.items():
        assert element(name) == element(of) or ROWS[name].get("edition"), "a view of 2023 has its own words"
        assert ROWS[name].get("query") or "List" not in name
    assert {name for name in ROWS if element(name) != name} - views.keys() <= OUR_OWN


def test_every_table_has_its_schema() -> None:
    assert all((FOLDER / f"{stem}.xsd").exists() for stem in TABLES)
