"""Time series from files: exactly one, in UTF-8, in the unit that is named."""
from __future__ import annotations

import pytest

from server.errors import BadArgument
from server.operations import seriesinput
from server.operations.declaration import UploadedFile
from tests.conftest import NOON

CSV = UploadedFile("a.csv", b"start,value\n2025-06-15T12:00Z,1.5\n2025-06-15T12:15Z,\n")
JSON = UploadedFile("a.json", b'{"start": 1749988800, "step": 900, "values": [2, null]}')


@pytest.mark.parametrize("csv_file, json_file, unit, values", [
    (CSV, None, "W", [1.5, None]), (CSV, None, "kW", [1500.0, None]), (None, JSON, "MW", [2e6, None])])
def test_a_file_is_read_in_watts(
    csv_file: UploadedFile | None, json_file: UploadedFile | None, unit: str, values: list[float | None]
) -> None:
    table = seriesinput.read(csv_file, json_file, None, None, unit)
    assert (table.start, table.step, list(table.values)) == (NOON, 900, values)


@pytest.mark.parametrize("csv_file, json_file, argument", [
    (None, None, "csv_file"), (CSV, JSON, "json_file")])
def test_exactly_one_file_is_needed(
    csv_file: UploadedFile | None, json_file: UploadedFile | None, argument: str
) -> None:
    with pytest.raises(BadArgument) as refused:
        seriesinput.single_file(csv_file, json_file)
    assert refused.value.argument == argument
