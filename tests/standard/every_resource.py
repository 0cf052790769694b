"""A server that has every resource of the table: the samples, stored at their paths.

The samples belong to one device and agree with each other (mRIDs, subjects, times). So all resources are that
device's, at the instant of the samples.
"""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from server import clock
from server.devices import enrolment
from server.grid.groups import drprograms, virtualders
from server.models import vder_audience
from server.resources import codec, hooks, schema, store, table
from server.resources.table import Row

SAMPLES = Path(__file__).parents[1] / "samples"
NOW = 1782907200
LFDI = "B618CDCD5A0688FC708D296FE2E44D2E283A4A6F"
NOT_HERE = frozenset({"ProxiedDevice"})
"""What is not there of the device, since it is no aggregator."""
MIRRORED = ("UsagePoint", "MeterReading", "ReadingType", "ReadingSet", "Reading")


def sample(name: str) -> dict[str, Any]:
    """Return the sample of a resource without what the server adds: its href, subscribable, and the links to
    what is below it. Other links lead to the resource with the number 1."""
    _, data = codec.decode((SAMPLES / f"{name}.xml").read_bytes())
    own = f"{data.pop('href', '')}/"
    data.pop("subscribable", None)
    return {key: _numbered_1(value) for key, value in data.items() if not _leads_below(value, own)}


def document(name: str, method: str) -> bytes:
    """Return a sample body for a PUT of a resource, or a POST to it."""
    row = table.rows[name]
    item = table.item(name) if row.is_list else row
    assert item is not None
    if name == "MirrorUsagePoint" and method == "POST":
        return codec.encode("MirrorMeterReadingList", {"all": 1, "results": 1, "MirrorMeterReading": [
            {"mRID": "0B", "ReadingType": {"uom": 38}, "Reading": {"value": 1}}]})
    body = (SAMPLES / f"{item.name}.xml").read_bytes()
    return re.sub(rb'href="[^"]+"', lambda match: re.sub(rb"/\d+", b"/1", match[0]), body)


def _numbered_1(value: Any) -> Any:
    if isinstance(value, list):
        return [_numbered_1(item) for item in value]
    if not isinstance(value, dict):
        return value
    moved = {key: _numbered_1(item) for key, item in value.items()}
    if "href" in moved:
        moved["href"] = re.sub(r"/\d+", "/1", moved["href"])
    return {**moved, "all": 1} if "all" in moved else moved


def _leads_below(value: Any, own: str) -> bool:
    return isinstance(value, dict) and value.get("href", "").startswith(own)


def fill(edition: int = 2018) -> dict[str, str]:
    """Store every resource of an edition; return the href of each row's resource, by the row's name."""
    clock.turn_to(NOW)
    enrolment.enrol(LFDI, pin=123455, name="one")
    number = virtualders.create("all", members=["one"])["id"]
    drprograms.create(virtualders.find(number))
    messages = store.add("MessagingProgram", "/msg", sample("MessagingProgram"), vder_audience(number))
    mirror = store.add("MirrorUsagePoint", "/mup", sample("MirrorUsagePoint"), audience=LFDI)
    tariff = store.add("TariffProfile", "/tp", sample("TariffProfile"), vder_audience(number))
    at = {"/edev/<int:device>": "/edev/1", "/edev/<int:device>/der/<int:der>": "/edev/1/der/1",
          "/edev/<int:device>/fsa/<int:vder>": "/edev/1/fsa/1", "/fsa/<int:vder>": f"/fsa/{number}",
          "/mup/<int:mirror>": mirror, "/msg/<int:program>": messages, "/tp/<int:tariff>": tariff,
          "/derp/<int:program>": "/derp/1", "/dr/<int:program>": "/dr/1", "/rsps/<int:set>": "/rsps/1",
          **_readings(store.get(mirror))}
    if edition == 2023:
        own = store.get("/edev/1")
        assert own is not None
        store.put("/edev/1", {**own.submitted, "distribution": 3})
        at["/edev/<int:device>/aggp"] = "/edev/1/aggp"
    hrefs = {}
    rows = [row for row in table.rows.values() if row.edition in (0, edition) and row.name not in NOT_HERE]
    for row in sorted(rows, key=lambda row: (_is_response(row), row.path.count("/"))):
        href = at[row.path] if row.path in at and not _is_response(row) else _store(row, at)
        hrefs[row.name] = at[row.path] = href
    return hrefs


def _readings(mirror: Any) -> dict[str, str]:
    """Return where a mirror's readings are read, by path."""
    point = store.find(mirror.submitted["mRID"], "UsagePoint")
    assert point is not None
    quantity, = store.items(f"{point.href}/mr")
    hrefs = (
        point.href,
        quantity.href,
        f"{quantity.href}/rt",
        f"{quantity.href}/rs/1",
        f"{quantity.href}/rs/1/r/1",
    )
    return {table.rows[name].path: href for name, href in zip(MIRRORED, hrefs, strict=True)}


def audience(list_href: str) -> Any:
    """Return whose an item of a list is: the device's, where it would be nobody's, else as above it."""
    top = table.match("/".join(list_href.split("/")[:2]))
    return LFDI if top is not None and top.row.private and top.row.path == list_href else store.INHERIT


def _is_response(row: Row) -> bool:
    return schema.descends(row.element, "Response")


def _store(row: Row, at: dict[str, str]) -> str:
    above, last = row.path.rpartition("/")[::2]
    if last.endswith(">"):
        return store.add(row.element, at[above], sample(row.name), audience=audience(at[above]))
    href = f"{at[above]}/{last}" if above else row.path
    if not row.is_list and not hooks.instead_of("GET", row.name):
        store.put(href, sample(row.name))
    return href
