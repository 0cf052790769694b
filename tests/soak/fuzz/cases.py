"""What is sent, by the number of the case: valid documents and mutated ones, to every resource that takes
one."""
from __future__ import annotations

from functools import cache
from random import Random

from lxml import etree

from server.resources import schema, table
from server.resources.table import Row
from tests.schemas.editions import CSIPAUS, SEP, model
from tests.schemas.generate import document
from tests.soak.fuzz import mutations
from tests.soak.fuzz.wire import Request
from tests.soak.fuzz.world import CALLERS, World
from tests.standard import every_resource

METHODS = ("PUT", "POST", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "get", "TRACE")
METHOD_WEIGHTS = (45, 45, 3, 3, 1, 1, 1, 0.5, 0.5)
BODIES = {"PUT", "POST", "PATCH", "OPTIONS"}
CALLER_WEIGHTS = (60, 10, 6, 6, 8, 5, 5)
ELSEWHERE = 0.1  # of the cases are for any resource


def case(world: World, seed: int, number: int) -> Request:
    """The request of a number; the same for the same seed."""
    random = Random(f"{seed} {number}")
    lfdi = random.choices(CALLERS, CALLER_WEIGHTS)[0]
    method = random.choices(METHODS, METHOD_WEIGHTS)[0]
    target = _target(random, world, lfdi, method)
    match = table.match(target)
    assert match is not None
    body = _body(random, match.row, method, world, lfdi) if method in BODIES else None
    headers = [("Host", "localhost")]
    if body is not None:
        headers.append(("Content-Type", "application/sep+xml"))
        if random.random() < 0.1:
            body = mutations.mutate_bytes(random, body)
    if random.random() < 0.08:
        headers = mutations.mutate_headers(random, headers)
    if random.random() < 0.06:
        target = mutations.mutate_target(random, target)
    if body is not None and ("Transfer-Encoding", "chunked") in headers and random.random() < 0.8:
        body = _chunked(random, body)
    return Request(lfdi, method, target, tuple(headers), body)


def _chunked(random: Random, body: bytes) -> bytes:
    at = random.randrange(len(body) + 1)
    parts = [part for part in (body[:at], body[at:]) if part]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _target(random: Random, world: World, lfdi: str, method: str) -> str:
    """An href of the table that the caller may write, as a rule; now and then of any row and number."""
    if random.random() < ELSEWHERE:
        row = random.choice(list(table.rows.values()))
        return row.href(**{name: random.choice((1, 1, 2, 3, 77)) for name in row.parameters})
    candidates = _writable(world.hrefs, method, world.numbers.get(lfdi, 1))
    # by row, so that rows with many documents are not tried more often
    return random.choice(candidates[random.choice(list(candidates))])


@cache
def _writable(hrefs: tuple[str, ...], method: str, number: int) -> dict[str, list[str]]:
    """Hrefs by row that take a method from a device of this number."""
    found: dict[str, list[str]] = {}
    lists = {table.parent(href) for href in hrefs} | {
        row.href(**dict.fromkeys(row.parameters, 1)) for row in table.rows.values()}
    for href in sorted({*hrefs, *lists}):
        match = table.match(href)
        if match is None or method in ("PUT", "POST") and match.row.mode(method) not in "MO":
            continue
        if method in ("PUT", "POST") and match.row.writer:
            continue
        if href.startswith("/edev/") and match.parameters.get("device") not in (number, 1):
            continue
        found.setdefault(match.row.name, []).append(href)
    return found


def _body(random: Random, row: Row, method: str, world: World, lfdi: str) -> bytes:
    tree = _valid(random, row, method, lfdi)
    if random.random() < 0.8:
        for _ in range(random.choice((1, 1, 1, 2, 2, 4))):
            mutations.mutate_tree(random, tree, world.words)
    if random.random() < 0.3:
        _make_meaningful(random, tree, world, lfdi)
    return etree.tostring(tree)


def _valid(random: Random, row: Row, method: str, lfdi: str) -> etree._Element:
    """A valid document that the resource takes: a sample, or one made by the schema."""
    if random.random() < 0.4:
        return _of_caller(etree.fromstring(every_resource.document(row.name,
                                                                   "POST" if row.is_list else method)), lfdi)
    root = _root(random, row, method)
    tag = root if f"{{{SEP}}}{root}" in model("ours").maps.elements else f"{{{CSIPAUS}}}{root}"
    return _of_caller(document(model("ours"), tag, random), lfdi)


def _root(random: Random, row: Row, method: str) -> str:
    """The name of a root element that the resource takes."""
    if method == "POST":
        if row.posted:
            return random.choice(row.posted)
        item = table.item(row.name) if row.is_list else None
        if item is not None:
            return random.choice(_kinds(item.element))
    return row.element


@cache
def _kinds(element: str) -> list[str]:
    """The element, often, and those that descend from it."""
    others = [row.element for row in table.rows.values()
              if row.element != element and schema.descends(row.element, element)]
    return [element, *sorted({*others})]


def _of_caller(tree: etree._Element, lfdi: str) -> etree._Element:
    """The document as its sender would write it: with its own LFDI."""
    for name in ("lFDI", "endDeviceLFDI", "deviceLFDI"):
        for element in tree.iter(f"{{{SEP}}}{name}"):
            element.text = lfdi
    return tree


def _make_meaningful(random: Random, tree: etree._Element, world: World, lfdi: str) -> None:
    """Let subjects be mRIDs of events, and times near the present, so that more than the schema judges it."""
    for name in ("subject", "mRID"):
        for element in tree.iter(f"{{{SEP}}}{name}"):
            element.text = random.choice(world.words)
    for name in ("start", "createdDateTime", "dateTime", "creationTime", "readingTime"):
        for element in tree.iter(f"{{{SEP}}}{name}"):
            if not len(element):
                element.text = str(world.now + random.choice((0, -60, 60, 3600, -3600, 86400, -86400)))
