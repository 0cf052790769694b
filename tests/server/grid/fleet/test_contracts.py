"""Blocks as they are agreed: made, changed, listed, removed, audited."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import actors
from server.errors import Refused
from server.grid.fleet import contracts
from server.models import AuditEntry, Block, Device

pytestmark = pytest.mark.usefixtures("server")
Create = Callable[..., Any]


@pytest.fixture(autouse=True)
def store(cold_store: Create) -> None:
    cold_store(1)


def test_a_block_is_made_changed_and_removed() -> None:
    with actors.acting("anna"):
        contracts.set_block("d1", "compressors", None, {"power_w": 2e5, "notice_s": 1800, "events_day": 2})
        row = contracts.set_block("d1", "compressors", None, {"power_w": 1e5}, ["events_day"])["blocks"][0]
        assert (row["kind"], row["power_w"], row["notice_s"], row["events_day"]) == ("load", 1e5, 1800, None)
        assert [dict(block) for block in contracts.blocks()] == [row]
        assert contracts.remove_block("d1", "compressors")["removed"] == "compressors"
    assert not list(contracts.blocks())
    entries = list(AuditEntry.select().order_by(AuditEntry.id))
    assert [entry.operation for entry in entries] == ["contract set", "contract set", "contract remove"]
    assert entries[1].subject == f"{Device.get().lfdi} d1"


def test_what_makes_no_sense_changes_nothing_and_all_of_it_is_told() -> None:
    with pytest.raises(Refused, match="longest_s 10 is not between 60 and .*; shortest_s 3600 is more than"):
        contracts.set_block("d1", "all", None, {"power_w": 1.0, "shortest_s": 3600, "longest_s": 10})
    with pytest.raises(Refused, match="there is no clause 'colour'"):
        contracts.set_block("d1", "all", None, {"power_w": 1.0}, ["colour"])
    with pytest.raises(Refused, match="1 to 64 characters"):
        contracts.set_block("d1", "", None, {"power_w": 1.0})
    assert not Block.select().exists()


def test_a_block_that_is_not_there_is_refused_with_those_that_are() -> None:
    contracts.set_block("d1", "all", None, {"power_w": 1.0})
    with pytest.raises(Refused, match="d1 has no block 'none'; it has all"):
        contracts.remove_block("d1", "none")


def test_a_contract_goes_with_its_device() -> None:
    contracts.set_block("d1", "all", None, {"power_w": 1.0})
    Device.delete().execute()
    assert not Block.select().exists()
