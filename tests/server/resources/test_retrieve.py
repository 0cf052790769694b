"""Pages of lists: bounded in bytes as well as in items."""
from __future__ import annotations

from typing import Any

import pytest

from server.models import db, is_postgres
from server.resources import ordering, retrieve, sql, table
from tests.peers import Peer

LOG_EVENT = {"createdDateTime": 1, "functionSet": 11, "logEventCode": 0, "logEventID": 1, "logEventPEN": 1,
             "profileID": 2}


def test_a_page_has_as_many_items_as_fit(device: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        device.post("/edev/1/lel", "LogEvent", {**LOG_EVENT, "createdDateTime": number})
    size = len(retrieve.page(retrieve.Selection("/edev/1/lel"), None, 0, None, 1).items[0][1])
    monkeypatch.setattr(retrieve, "PAGE_BYTES", 2 * size + 1)
    hrefs, pages = [], []
    while len(hrefs) < 5:
        page = device.get(f"/edev/1/lel?l=255&s={len(hrefs)}").data
        hrefs += [item["createdDateTime"] for item in page["LogEvent"]]
        pages.append((page["all"], page["results"]))
    assert pages == [(5, 2), (5, 2), (5, 1)] and sorted(hrefs) == [0, 1, 2, 3, 4]


def test_an_item_that_is_too_long_for_a_page_has_one_of_its_own(
    device: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.post("/edev/1/lel", "LogEvent", LOG_EVENT)
    device.post("/edev/1/lel", "LogEvent", {**LOG_EVENT, "createdDateTime": 2})
    monkeypatch.setattr(retrieve, "PAGE_BYTES", 10)
    page = device.get("/edev/1/lel?l=255").data
    assert (page["all"], page["results"]) == (2, 1)


TIMED = sorted(name for name, row in table.rows.items()
               if "a" in row.query and row.of is None and ordering._later(name).first_key)


def test_prices_controls_and_devices_are_in_the_order_of_their_times() -> None:
    assert {"TimeTariffIntervalList", "EndDeviceList", "DERControlList", "LogEventList"} < {*TIMED}


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("name", TIMED)
@pytest.mark.usefixtures("server")
def test_a_page_of_what_is_later_begins_or_ends_there(
    name: str, mixed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years of prices before an instant are not gone through, with either database."""
    statements: list[tuple[str, tuple[Any, ...]]] = []

    def bodies(statement: str, *values: Any) -> list[Any]:
        statements.append((statement, values))
        return []

    monkeypatch.setattr(sql, "bodies", bodies)
    row = table.rows[name]
    selection = retrieve.Selection(row.href(**dict.fromkeys(row.parameters, 1)), mixed=mixed)
    retrieve.page(selection, "AB" * 20, 0, 1_750_000_000, 5)
    (statement, values), = statements
    sign = ordering.later(selection.parent).condition.split()[1]
    if is_postgres():
        with db.atomic():
            for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort"):
                sql.execute(f"SET LOCAL {setting} = off")
            plan = "\n".join(line for line, in sql.rows(f"EXPLAIN {statement}", *values))
        condition = next((line for line in plan.splitlines() if "Index Cond" in line and "sort" in line), "")
        assert f"(sort {sign} " in condition and "parent = " in condition, plan
    else:
        plan = "\n".join(line[-1] for line in sql.rows(f"EXPLAIN QUERY PLAN {statement}", *values))
        assert f"sort{sign[0]}?" in plan and "parent=?" in plan, plan
        assert mixed or "TEMP B-TREE" not in plan, plan
