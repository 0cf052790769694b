"""The types of the schemas as they are kept are those of the schemas."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.resources import schematypes, table

KEPT = Path(schematypes.path()).with_name("types.json")


def test_the_kept_types_are_those_of_the_schemas() -> None:
    """If this fails: python -m server.resources.schematypes."""
    kept = json.loads(KEPT.read_text())
    assert kept.pop("digest") == schematypes.digest()
    assert kept == json.loads(json.dumps(schematypes.read()._asdict()))


def test_types_of_other_schemas_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schematypes, "digest", lambda: "another")
    read = []
    monkeypatch.setattr(schematypes, "read", lambda: read.append(1))
    schematypes.load.__wrapped__()
    assert read == [1]


def test_a_field_has_what_the_schema_says() -> None:
    types = schematypes.load()
    list_type = types.record(types.named["{urn:ieee:std:2030.5:ns}DERControlList"])
    assert list_type.names[:2] == ["DERControlList", "SubscribableList"] and list_type.has_elements
    fields = {field.tag: field for field in list_type.elements if field}
    control = fields["{urn:ieee:std:2030.5:ns}DERControl"]
    assert (control.many, control.required) == (True, False)
    lfdi = types.record(types.named["{urn:ieee:std:2030.5:ns}HexBinary160"])
    assert lfdi.text == ("hexBinary", 20) and not lfdi.has_elements
    assert types.element("{urn:ieee:std:2030.5:ns}Nothing") is None


def test_the_kept_table_is_that_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this fails: python -m server.resources.schematypes."""
    kept = json.loads(KEPT.with_name("table.json").read_text())
    assert kept == {"digest": schematypes.digest(".toml"), "rows": table.read()}
    monkeypatch.setattr(schematypes, "digest", lambda suffix: "another")
    monkeypatch.setattr(table, "read", lambda: {"of the files": {}})
    assert table.load() == {"of the files": {}}
