"""Contracts from CSV files: all of them or none."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import actors
from server.errors import Refused
from server.grid.fleet import contractfiles, contracts
from server.models import AuditEntry, Block

pytestmark = pytest.mark.usefixtures("server")
FILE = """device,block,kind,power_w,notice_s,island,price_kwh
d1,compressors,load,200000,1800,,0.2
d2,engine,generator,150000,600,yes,0.45
"""


@pytest.fixture(autouse=True)
def businesses(cold_store: Callable[..., Any], generator: Callable[..., Any]) -> None:
    cold_store(1)
    generator(2)


def test_a_file_is_tried_then_taken_and_audited() -> None:
    with actors.acting("anna"):
        tried = contractfiles.load(FILE, "park.csv", dry_run=True)
        assert tried["added"] == ["d1: compressors", "d2: engine"] and not Block.select().exists()
        contractfiles.load(FILE, "park.csv")
        assert not AuditEntry.select().where(AuditEntry.operation != "contract import").exists()
        again = contractfiles.load(FILE.replace("0.45", "0.5"), "park.csv")
    assert (again["lines"], again["added"], again["changed"]) == (2, [], ["d2: engine"])
    engine = contracts.contract("d2")["blocks"][0]
    assert (engine["island"], engine["price_kwh"], engine["notice_s"]) == (True, 0.5, 600)
    assert AuditEntry.select().count() == 2


def test_an_empty_cell_is_no_longer_agreed() -> None:
    contractfiles.load(FILE, "park.csv")
    contractfiles.load("device;block;kind;power_w\nd1;compressors;load;200000,5\n", "excel.csv")
    block = contracts.contract("d1")["blocks"][0]
    assert (block["power_w"], block["notice_s"], block["price_kwh"]) == (200000.5, 0, 0)


@pytest.mark.parametrize("line, reason", [
    ("d9,a,load,1,,,", "d9"),
    ("d1,,load,1,,,", "it names no block"),
    ("d1,a,lode,1,,,", "kind 'lode'"),
    ("d1,a,load,much,,,", "power_w: 'much' is not a number"),
    ("d1,a,load,1,1.5,,", "notice_s: 1.5 is not a whole number"),
    ("d1,a,generator,1,,perhaps,", "island: 'perhaps' is neither yes nor no"),
    ("d1,compressors,load,1,,,", "compressors is there twice"),
])
def test_a_wrong_line_is_named_and_nothing_is_taken(line: str, reason: str) -> None:
    with pytest.raises(Refused, match="park.csv, line 4.*") as refused:
        contractfiles.load(f"{FILE}{line}\n", "park.csv")
    assert reason in refused.value.why and not Block.select().exists()
