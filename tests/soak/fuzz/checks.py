"""What must hold of every answer, and of the server after many."""
from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from urllib.parse import unquote

from click.testing import CliRunner
from lxml import etree

from server import actors, clock, models, timekeeping, worker
from server.cli import main
from server.config import settings
from server.devices import lastcontact
from server.models import AlarmRecord, Document
from server.protocol.message import split_target
from server.resources import table
from tests.schemas.editions import CSIPAUS, SEP, model, validator
from tests.schemas.generate import XSI
from tests.soak import reindexed
from tests.soak.fuzz.wire import Answer, Request, send
from tests.soak.fuzz.world import CALLERS, OWNER, World

ACCEPT = {"2018": "application/sep+xml", "CSIP-AUS": "application/sep+xml; level=+S1",
          "2023": "application/sep+xml; level=-S2"}
ROOTS_OF_2023 = frozenset(model("2023").maps.elements)
MOVED = frozenset({"DefaultDERControl", "MirrorUsagePointList"})
_HOLDERS = frozenset(f"{{{SEP}}}{name}_r2_3" for name in (
    "SubscribableResource", "RespondableResource", "SubscribableIdentifiedObject", "SubscribableList",
    "List"))
CPU_S = 2.0  # the most that one answer may take
VERBS = (
    "device list", "device show one", "vder list", "vder show town", "vder status town",
    "vder capability town",
    "vder forecast town", "vder members list town", "vder members validate town", "control list batteries",
    "preview one", "dispatch list", "dr event list", "ev sessions", "signal show", "forecast show town",
    "history show town", "opt-out list", "contract list", "plan list", "responses", "readings one",
    "report nonresponders town", "alarm list", "audit tail", "audit verify")
TABLES = 6  # of the verbs are also run for people, whose tables take long to set
STEPS_S = (60, 900, 900, 90_000, 41 * 86_400)
"""How far the clock goes on between two turns of the worker after each batch."""


class Records(logging.Handler):
    """Collects what is logged as an error, or with a traceback."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            text = logging.Formatter().format(record)
            self.faults.append(text if len(text) < 3000 else f"{text[:1000]}\n…\n{text[-2000:]}")

    def taken(self) -> list[str]:
        """What was collected since the last call."""
        faults, self.faults = self.faults, []
        return faults


@contextmanager
def listening() -> Iterator[Records]:
    """Collect what is logged meanwhile, and print none of it."""
    records, root = Records(), logging.getLogger()
    others, root.handlers[:] = root.handlers[:], [records]
    try:
        yield records
    finally:
        root.handlers[:] = others


def of_answer(world: World, request: Request, answer: Answer, records: Records,
              cpu_s: float = CPU_S) -> list[str]:
    """What is wrong with an answer, and with what is served after it; empty for nothing."""
    faults = records.taken()
    is_unknown = request.method not in table.METHODS or b"ransfer" in request.encode()  # …-Encoding
    if answer.status >= 500 and not (answer.status == 501 and is_unknown):
        faults.append(f"answered {answer.status}")
    if answer.cpu_s > cpu_s:
        faults.append(f"took {answer.cpu_s:.1f} s of CPU time")
    if answer.status >= 400 and request.method != "HEAD" and not _reason(answer):
        faults.append(f"{answer.status} without a reason: {answer.body[:200]!r}")
    if 200 <= answer.status < 300 and request.method in ("PUT", "POST"):
        named = unquote("/" + split_target(request.target)[0].lstrip("/"))
        href = answer.headers.get("location", named)
        faults += _served(world, href, request.lfdi, gone_is_right=False)
        faults += _served(world, table.parent(href), request.lfdi)
        faults += records.taken()
    return faults


def _reason(answer: Answer) -> bool:
    try:
        root = etree.fromstring(answer.body)
    except etree.XMLSyntaxError:
        return False
    return root.tag == f"{{{SEP}}}Error" and root.findtext(f"{{{SEP}}}reasonCode") is not None


def _served(world: World, href: str, lfdi: str, gone_is_right: bool = True) -> list[str]:
    """What is wrong with what a client reads there in both editions."""
    match, faults = table.match(href), []
    if match is None:
        return [f"{href} is not in the table"] if not gone_is_right else []
    target = f"{href}?l=255" if match.row.is_list else href
    for edition, accept in ACCEPT.items():
        answer = send(world.application, Request(lfdi, "GET", target, (("Host", "x"), ("Accept", accept))))
        if answer.status == 200:
            wrong = complaint(edition, answer.body)
            faults += [f"GET {target} in the edition of {edition}: {wrong}"] if wrong else []
        elif answer.status not in (403, 404, 405) or not gone_is_right and answer.status != 405:
            faults.append(f"GET {target} in the edition of {edition}: {answer.status} {answer.body[:300]!r}")
    return faults


def complaint(edition: str, body: bytes) -> str:
    """What the edition's own schema finds wrong with a document; "" for nothing."""
    try:
        root = etree.fromstring(body, etree.XMLParser(huge_tree=True))
    except etree.XMLSyntaxError as error:
        return f"not well-formed, {error}"
    if edition == "2023" and root.tag not in ROOTS_OF_2023:
        return ""
    csipaus = any(element.tag.startswith(f"{{{CSIPAUS}}}") for element in root.iter(etree.Element))
    if csipaus and edition != "CSIP-AUS" and root.tag != f"{{{CSIPAUS}}}ConnectionPoint":
        return "it has elements of CSIP-AUS"
    # the schema of CSIP-AUS demands its modes of every DERCapability, also of one that was never told any
    judge = validator("CSIP-AUS" if csipaus else "2018" if edition == "CSIP-AUS" else edition)
    if edition == "2023":
        for element in _out_of_place(root):
            if element.getparent() is not None:
                element.getparent().remove(element)
    if judge.validate(root):
        return ""
    error = judge.error_log[0]
    return f"{error.message} (line {error.line})"


def _out_of_place(root: etree._Element) -> list[etree._Element]:
    """The holders that ours let through beyond 2023, since 2023 moved a type (schemas/README.md)."""
    return [holder for moved in root.iter(etree.Element)
            if MOVED & {moved.get(f"{{{XSI}}}type"), etree.QName(moved).localname}
            for holder in moved if holder.tag in _HOLDERS]


def of_server(world: World, records: Records, random: Random) -> list[str]:
    """What is wrong with the server after a batch: others' data, its work, what people and devices see."""
    faults = _others(world) + records.taken()
    with actors.acting("soak"):
        for number, step_s in enumerate(STEPS_S):
            clock.turn_to(clock.now() + step_s)
            lastcontact.flush()
            worker.forget()
            worker.turn()
            if number == 1:
                faults += _operators(world, random) + _sweep(world) + reindexed.changes()
            faults += records.taken()
    worker.purge()
    faults += [f"alarm of the worker: {alarm.source} {alarm.detail}"
               for alarm in AlarmRecord.select().where(AlarmRecord.kind == "work")]
    return faults + reindexed.changes() + records.taken()


def _others(world: World) -> list[str]:
    after = world.witnessed()
    return [f"data of a device that sent nothing were changed: {href}: {before} -> {after.get(href)}"
            for href, before in world.before.items() if after.get(href) != before] + [
            f"a device that sent nothing has {href}: {after[href]}"
            for href in after.keys() - world.before.keys()]


def _sweep(world: World) -> list[str]:
    """Read all that there is, as those read it who may."""
    faults: list[str] = []
    hrefs = {row.href for row in Document.select(Document.href)}
    lists = {table.parent(href) for href in hrefs} - hrefs
    for href in sorted(lists | {"/dcap", "/edev", "/derp", "/mup", "/upt"}):
        for lfdi in (OWNER, CALLERS[4]):
            faults += _served(world, href, lfdi)
    for href in sorted(hrefs):
        faults += _served(world, href, OWNER)
    return faults


def _operators(world: World, random: Random) -> list[str]:
    """Run the verbs that look at the whole. One that fails has been blinded by a device."""
    lastcontact.flush()
    return [f"counterpoise {verb} {form}: {said[-600:]} {_log_of(said)}"
            for verb, form, said in _run_verbs(random.sample(VERBS, TABLES))
            if f"{verb} {said}" not in world.expected]


def _run_verbs(tables: Sequence[str]) -> list[tuple[str, str, str]]:
    """Run VERBS with --json and `tables` without; return verb, form and output of those that fail."""
    failed = []
    settings.clock, url, handlers = clock.spec(), settings.database, logging.root.handlers[:]
    for verb, form in [*((verb, "--json") for verb in VERBS), *((verb, "") for verb in tables)]:
        result = CliRunner().invoke(main, [*verb.split(), *form.split()])
        if result.exit_code:
            failed.append((verb, form, result.output))
    logging.root.handlers[:] = handlers
    models.connect(url)
    clock.follow(settings.clock)
    timekeeping.start(save=False)
    return failed


def _log_of(output: str) -> str:
    """The end of the file that the output names, if it names one."""
    path = output.strip().rpartition(" ")[2].strip()
    try:
        with open(path) as file:
            return file.read()[-2500:] if path.startswith("/tmp/counterpoise-") else ""
    except OSError:
        return ""


def expectations(world: World) -> frozenset[str]:
    """What verbs say that fail on the server as it was prepared."""
    return frozenset(f"{verb} {said}" for verb, _, said in _run_verbs(VERBS))
