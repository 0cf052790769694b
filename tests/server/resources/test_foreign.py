"""Foreign content: the limits of a document, and what is written of it."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from server.errors import Refused
from server.resources import codec, foreign
from server.resources.variants import WHOLE

ROOT = Path(__file__).parents[3]
SEP = "urn:ieee:std:2030.5:ns"
ACCEPTED = {"items with an odd digit"}  # in field use, and linear


def program(inside: str = "", attributes: str = "") -> bytes:
    return (f'<DERProgram xmlns="{SEP}" {attributes}>{inside}<mRID>AB</mRID><primacy>1</primacy></DERProgram>'
            ).encode()


def served(body: bytes) -> str:
    """What a client of 2023 reads of a document, without what every DERProgram here has."""
    text = codec.encode(*codec.decode(body), WHOLE).decode()
    return text.replace(f'<DERProgram xmlns="{SEP}"', "", 1).partition("<mRID>")[0]


def test_hostile_bodies_take_little_time_and_memory() -> None:
    process = subprocess.run([sys.executable, "-m", "tests.server.resources.hostile"], cwd=ROOT,
                             capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-2000:]  # else the limits of memory or CPU time ended it
    rows = [json.loads(line) for line in process.stdout.splitlines()]
    print(process.stdout)
    assert len(rows) == 17 and all(row["bytes"] > 500_000 for row in rows)
    for row in rows:
        assert row["name"] in ACCEPTED or row["answer"].startswith("400 "), row
        assert len(row["answer"]) < 600 and row["peak_mb"] < 400, row


@pytest.mark.parametrize("inside, attributes, why", [
    ("<q:a/>" * 1001, 'xmlns:q="u:q"', "line 1: there are more than 1000 elements of other namespaces."),
    ("", " ".join(f'a{n}="1"' for n in range(65)), "line 1: DERProgram has more than 64 attributes."),
    (f'<q:a xmlns:q="{"u" * 256}"/>', "",
     "line 1: name and namespace of an element have more than 256 characters."),
    (f"<description>{'x' * 8193}</description>", "", "line 1: description has more than 8192 characters."),
    ("<xml:a/>", "", "line 1: the element xml:a is not accepted."),
    ('<q:a xmlns:q="u:q"><xml:a/></q:a>', "", "line 1: the element xml:a is not accepted."),
    ('<q:a xml:id="i" xmlns:q="u:q"/>', "", "line 1: the attribute xml:id is not accepted."),
    ("", 'xml:space="no"', "line 1: xml:space has a value that it cannot have."),
    ("", 'xml:lang="not a language"', "line 1: xml:lang has a value that it cannot have."),
    ("<q:a/>", "xmlns:q='u:q' " + " ".join(f'xmlns:a{n}="u:a"' for n in range(64)),
     "line 1: more than 64 prefixes are declared for a."),
])
def test_what_exceeds_a_limit_is_refused_by_name(inside: str, attributes: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        codec.decode(program(inside, attributes))
    assert (refused.value.status, refused.value.why) == (400, why)


def test_what_keeps_to_the_limits_is_accepted() -> None:
    codec.decode(program("<q:a/>" * 1000, 'xmlns:q="u:q"'))
    codec.decode(program("", 'xmlns:q="u:q" ' + " ".join(f'q:a{n}="1"' for n in range(64))))


@pytest.mark.parametrize("attributes, text", [
    ('xmlns:q="u:q" xmlns:r="u:r" q:a="1" r:a="2" q:b="3"',
     ' xmlns:x1="u:q" x1:a="1" xmlns:x2="u:r" x2:a="2" x1:b="3">'),
    ('xml:lang="en" xml:base="/x"', ' xml:lang="en" xml:base="/x">'),
    ('schemaVer="2.1"', ' schemaVer="2.1">'),
])
def test_a_namespace_of_attributes_is_declared_once(attributes: str, text: str) -> None:
    assert served(program("", attributes)) == text


@pytest.mark.parametrize("inside, text", [
    ('<q:a xmlns:q="u:q" xmlns:unused="u:u">1</q:a>', '<a xmlns="u:q">1</a>'),
    ('<a xmlns="u:q"><b xmlns=""/></a>', '<a xmlns="u:q"><b xmlns=""/></a>'),
    ('<q:a xmlns:q="u:q"><b xmlns=""/><c/></q:a>',
     f'<a xmlns="u:q"><b xmlns=""/><c xmlns="{SEP}"/></a>'),
    ('<q:a xmlns:q="u:q" q:b="1&#13;&#10;">1 &lt;&#13;<q:c/>]]&gt;</q:a>',
     '<a xmlns="u:q" xmlns:x1="u:q" x1:b="1&#13;&#10;">1 &lt;&#13;<c/>]]&gt;</a>'),
    ('<q:a xmlns:q="u:q" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
     'xmlns:s="http://www.w3.org/2001/XMLSchema" i:type="s:string">1</q:a>',
     '<a xmlns="u:q" xmlns:x1="http://www.w3.org/2001/XMLSchema" '
     'xmlns:x2="http://www.w3.org/2001/XMLSchema-instance" x2:type="x1:string">1</a>'),
])
def test_a_foreign_element_declares_what_it_uses(inside: str, text: str) -> None:
    root = etree.fromstring(program(inside))
    assert foreign.text_of(root[0]) == text
    assert codec.decode(codec.encode(*codec.decode(program(inside)), WHOLE)) == codec.decode(program(inside))


def test_items_of_a_list_do_not_mix_up_their_prefixes() -> None:
    first, two = (codec.fragment(
        *codec.decode(program("", f'xmlns:q="u:{n}" q:a="{n}" xml:lang="en"')), WHOLE) for n in (1, 2))
    page = codec.page("DERProgramList", {"all": 2, "results": 2}, "DERProgram",
                      [("DERProgram", first), ("DERProgram", two)], WHOLE)
    items = etree.fromstring(codec.wrap("DERProgramList", page))
    assert [item.get(f"{{u:{number}}}a") for number, item in enumerate(items, 1)] == ["1", "2"]
