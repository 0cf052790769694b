"""The reference of operations is made from their declarations, and docs/operations.md is it."""
from __future__ import annotations

import json

from click.testing import CliRunner

from server.cli import main
from server.cli.reference import declared, markdown
from tests.test_docs import ROOT


def test_the_page_in_the_documentation_is_the_reference() -> None:
    assert (ROOT / "docs/operations.md").read_text() == markdown(), (
        "run counterpoise operations --markdown > docs/operations.md")


def test_every_operation_is_in_the_table_and_in_the_json() -> None:
    names = [operation.name for operation in declared()]
    rows = json.loads(CliRunner().invoke(main, ["operations", "--json"]).stdout)
    assert [row["name"] for row in rows] == names and len(names) == len(set(names)) > 60
    table = CliRunner().invoke(main, ["operations"]).stdout
    assert [name for name in names if name not in table] == []
    order = next(row for row in rows if row["name"] == "dispatch order")
    target = next(argument for argument in order["arguments"] if argument["name"] == "target_w")
    assert (order["role"], order["dry_run"], target["unit"], target["option"]) == (
        "operator", True, "W", "target")
