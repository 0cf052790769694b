"""What virtual DERs publish and assign, by the table of resources."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.devices import enrolment
from server.grid.groups import drprograms, programs, virtualders
from server.models import vder_audience, vder_of_audience
from server.resources import store, table

ROOT = Path(__file__).parents[4]
ASSIGNED = """
[AssignedFileList]
path    = "/fsa/<int:vder>/file"
modes   = "MMEEE"
element = "FileList"
of      = "FileList"
query   = "sl"
order   = ["mfID", "mfModel", "-mfVer", "href"]
"""
SCRIPT = """
import sys
from server import functionsets, grid, models
from server.devices import access, enrolment, requestcontext
from server.grid.groups import assignments, virtualders
from server.resources import hooks, store, table, variants

functionsets.load()
grid.load()
models.connect(sys.argv[1])
hooks.run_seeds()
lfdi = "A" * 40
device = enrolment.enrol(lfdi, name="one")
street = virtualders.create("street", members=["one"])
fields = {"fileURI": "/download/1", "mfID": 7, "mfModel": "b", "mfVer": "1", "size": 4, "type": "00"}
program = store.add("File", "/file", fields, audience=f"vder:{street['id']}")
(assignment,) = store.items("/edev/1/fsa")
link = assignment.submitted["FileListLink"]
match = table.match(link["href"])
caller = access.caller(lfdi, 1)
context = requestcontext.RequestContext(caller, match, link["href"], variants.PLAIN, "", lambda: ("", {}))
page = hooks.instead_of("GET", match.row.name)(context)
print(link, page.name, len(page.page.items))
store.remove(program)
(assignment,) = store.items("/edev/1/fsa")
print("FileListLink" in assignment.submitted, "DERProgramListLink" in assignment.submitted)
"""


def test_files_are_assigned_by_the_table_alone(tmp_path: Path) -> None:
    """Schemas in which files are assigned, and no line of code."""
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    file = tmp_path / "schemas" / "file.toml"
    text = file.read_text().replace(
        '[FileList]', '[FileList]\nassigned = "AssignedFileList"')
    file.write_text(text + ASSIGNED)
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, f"sqlite:///{tmp_path}/test.db"],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert process.stderr == ""
    assert process.stdout.splitlines() == [
        "{'href': '/fsa/1/file', 'all': 1} FileList 1", "False True"]


def test_what_the_table_says_of_programs_fits_the_schema() -> None:
    for row in table.rows.values():
        if row.assigned:
            assigned = table.rows[row.assigned]
            assert assigned.of == row.name and assigned.parameters == ("vder",)
            link = {"href": assigned.href(vder=3), "all": 1}
            assert programs.link(row.name, 3) == {f"{row.name}Link": link}
        if row.publisher:
            assert row.publisher == table.VIRTUAL_DER and len(row.parameters) == 1


@pytest.mark.parametrize(("audience", "number"), [
    (vder_audience(7), 7), ("*", 0), ("A" * 40, 0), ("", 0),
])
def test_whose_audience_it_is(audience: str, number: int) -> None:
    assert vder_of_audience(audience) == number


def test_programs_have_the_name_and_primacy_of_their_virtual_der(server: Any) -> None:
    number = virtualders.create("street", primacy=90)["id"]
    drprograms.create(virtualders.find(number))
    virtualders.update("street", name="road", primacy=80)
    vder = virtualders.find("road")
    for kind in ("DERProgram", "DemandResponseProgram"):
        data = store.get(programs.href(vder, kind)).submitted
        assert (data["description"], data["primacy"]) == ("road", 80)
    virtualders.delete("road")
    assert store.items("/derp") == store.items("/dr") == []


def test_a_program_is_linked_to_those_who_support_it(server: Any) -> None:
    for name, category in (("heater", "00000008"), ("panel", "00200000")):
        device = enrolment.enrol(("A" if name == "heater" else "B") * 40, name=name)
        href = enrolment.href(device)
        store.put(href, {**store.get(href).submitted, "deviceCategory": category})
    drprograms.create(virtualders.find(virtualders.create("street", members=["heater", "panel"])["id"]))
    linked = ["DemandResponseProgramListLink" in store.items(f"/edev/{number}/fsa")[0].submitted
              for number in (1, 2)]
    assert linked == [True, False]
