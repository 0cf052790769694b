"""The programs that virtual DERs publish, and the links by which FunctionSetAssignments assign them.

The table of resources says which kinds of programs these are: `publisher` names those of which a virtual DER
publishes one of its own, `assigned` the lists of which FunctionSetAssignments link to the part that belongs
to the virtual DER (IEEE 2030.5-2018, 8.6). A program belongs to a virtual DER by its audience.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Sequence
from typing import Any

from server.devices import enrolment
from server.functionsets import fsa
from server.models import Device, Document, Membership, VirtualDER, chunked, vder_audience, vder_of_audience
from server.resources import documents, numbering, sql, store, table
from server.resources.codes import EventStatus
from server.resources.hooks import Change, after_all, rebuild
from server.resources.table import Row

Data = dict[str, Any]
Condition = Callable[[list[Device]], Container[int]]
_OWN = tuple(row for row in table.rows.values() if row.publisher == table.VIRTUAL_DER)
_ASSIGNED = tuple(row for row in table.rows.values() if row.assigned)
_KINDS = tuple(program.name for row in _ASSIGNED if (program := table.item(row.name)) is not None)
_LINKS = {f"{row.name}Link" for row in _ASSIGNED}
CHUNK = 300  # devices in one statement
STRONGEST = 0  # primacy
RESERVED = frozenset({*range(3, 65), *range(192, 256)})  # primacies, by PrimacyType
WEAKEST_OF_PROVIDERS = 2  # the greatest primacy below those that are reserved
_conditions: dict[str, Condition] = {}


# --- programs -------------------------------------------------------------------------------------

def href(vder: VirtualDER, kind: str) -> str:
    """Return the href of a virtual DER's program of this kind, whether it exists yet or not.

    All have the number of the DERProgram, so that two processes that create one at the same time create the
    same resource.
    """
    row = table.rows[kind]
    return row.href(**{row.parameters[0]: table.number(vder.program)})


def publish(vder: VirtualDER) -> None:
    """Save a virtual DER and make its programs agree with its name and primacy; create the DERProgram if it
    has none."""
    if not vder.program:
        create_all([vder])
        return
    vder.save()
    update_all([vder])


def create_all(vders: Sequence[VirtualDER]) -> None:
    """Save new virtual DERs and create their DERPrograms."""
    for chunk in chunked(vders, CHUNK):
        rows: Any = VirtualDER.insert_many([vder.__data__ for vder in chunk]).returning(
            VirtualDER.id, VirtualDER.name)
        numbers = {name: number for number, name in rows.tuples().execute()}
        for vder in chunk:
            vder.id = numbers[vder.name]
        hrefs = store.add_all("DERProgram", [(table.rows["DERProgramList"].path, _fields(vder, "DERProgram"))
                                             for vder in chunk], [vder_audience(vder.id) for vder in chunk])
        for vder, program in zip(chunk, hrefs, strict=True):
            vder.program = program
        add_defaults(vder for vder in chunk if has_default(vder))
        sql.many(f"UPDATE {VirtualDER._meta.table_name} SET program = ? WHERE id = ?",
                 ((vder.program, vder.id) for vder in chunk))


def has_default(vder: VirtualDER) -> bool:
    """Return whether a virtual DER has a DefaultDERControl from the start, so that it can be subscribed to.

    Not one below another, or of a single device: a client that follows the default of its strongest program
    alone (CSIP, G11; py20305 does) would follow one that says nothing, and not what is set above.
    """
    return vder.parent_id is None and vder.device_id is None


def add_defaults(vders: Iterable[VirtualDER]) -> int:
    """Give the DERPrograms of virtual DERs that have no DefaultDERControl one that says nothing yet; return
    how many that were."""
    wanted = [f"{vder.program}/dderc" for vder in vders]
    present = {document.href for document in documents.among("href", wanted)}
    missing = [href for href in wanted if href not in present]
    store.put_all({href: {"mRID": numbering.new_mrid(), "DERControlBase": {}} for href in missing})
    return len(missing)


def default(vder: VirtualDER) -> Data | None:
    """Return the DefaultDERControl of a virtual DER as it was submitted, None where it says nothing."""
    document = store.get(f"{vder.program}/dderc")
    if document is None:
        return None
    content: Data = document.submitted
    says_something = content["DERControlBase"] or content.keys() - {"mRID", "version", "DERControlBase"}
    return content if says_something else None


@rebuild
def _add_missing_defaults() -> int:
    return add_defaults(filter(has_default, VirtualDER.select().where(VirtualDER.device.is_null())))


def stronger(primacy: int) -> int:
    """Return the next stronger primacy than one that is not 0, which is none of those that the standard
    reserves unless the one is (PrimacyType)."""
    return WEAKEST_OF_PROVIDERS if primacy - 1 in RESERVED and primacy not in RESERVED else primacy - 1


def default_primacy(parent: VirtualDER) -> int:
    """Return the primacy of a new virtual DER below another: the next stronger one, where there is one."""
    return stronger(parent.primacy) if parent.primacy else STRONGEST


def update_all(vders: Iterable[VirtualDER]) -> None:
    """Make the programs of virtual DERs agree with their names and primacies."""
    wanted = {href(vder, row.name): _fields(vder, row.name) for vder in vders for row in _OWN}
    store.put_all({document.href: {**document.submitted, **wanted[document.href]}
                   for document in documents.among("href", wanted)})


def create(vder: VirtualDER, kind: str, data: Data) -> None:
    """Create a virtual DER's program of this kind, with its name and primacy."""
    store.put(href(vder, kind), {"mRID": numbering.new_mrid(), **data, **_fields(vder, kind)},
              audience=vder_audience(vder.id))


def _fields(vder: VirtualDER, kind: str) -> Data:
    stopped = vder.stopped and kind == "DERProgram"
    return {"description": vder.name, "primacy": STRONGEST if stopped else vder.primacy}


def set_stopped(vders: Collection[VirtualDER], stopped: bool) -> None:
    """Let the DERPrograms of virtual DERs have the strongest primacy of all, or their own again."""
    for vder in vders:
        vder.stopped = stopped
    sql.many(f"UPDATE {VirtualDER._meta.table_name} SET stopped = ? WHERE id = ?",
             ((stopped, vder.id) for vder in vders))
    update_all(vders)


def remove(vder: VirtualDER) -> None:
    """Remove the programs of a virtual DER: those that it publishes, and others for its members."""
    for row in reversed(_ASSIGNED):
        for program in documents.own(row.path, vder_audience(vder.id)):
            store.remove(program.href)


def live_controls(vder: VirtualDER) -> list[Document]:
    """Return the DERControls of a virtual DER that are scheduled or active."""
    return [
        control
        for control in store.items(f"{vder.program}/derc")
        if control.status["currentStatus"] in (EventStatus.SCHEDULED, EventStatus.ACTIVE)
    ]


# --- their links ----------------------------------------------------------------------------------

def condition(list_name: str) -> Callable[[Condition], Condition]:
    """Register which devices (their numbers) are assigned the programs of a list; by default all are."""
    def add(devices_of: Condition) -> Condition:
        _conditions[list_name] = devices_of
        return devices_of
    return add


def link(list_name: str, vder_id: int, count: int = 1) -> Data:
    """Return the link of FunctionSetAssignments to the programs of a virtual DER in a list."""
    assigned = table.rows[table.rows[list_name].assigned]
    return {f"{list_name}Link": {"href": assigned.href(vder=vder_id), "all": count}}


def vder_number(assignment: Document) -> int:
    """Return the number of the virtual DER that a FunctionSetAssignments is for; 0 where it has no programs
    any more."""
    found = next((assignment.submitted[name] for name in _LINKS if name in assignment.submitted), None)
    match = None if found is None else table.match(found["href"])
    return match.parameters["vder"] if match is not None else 0


def assignments_of(devices: Iterable[Device]) -> list[Document]:
    """Return the FunctionSetAssignments of these devices."""
    return list(documents.among("parent", (f"{enrolment.href(device)}/fsa" for device in devices)))


def reconcile_links(devices: Iterable[Device]) -> None:
    """Make the links of the devices' FunctionSetAssignments agree with the programs that there are."""
    for chunk in chunked(devices, CHUNK):
        reconcile_links_of(chunk, {name: devices_of(chunk) for name, devices_of in _conditions.items()})


def reconcile_links_of(devices: list[Device], admitted: dict[str, Container[int]]) -> None:
    """Do so for up to CHUNK devices; `admitted` has the numbers of those that meet a condition, by list."""
    assignments = assignments_of(devices)
    links = links_of({vder_number(assignment) for assignment in assignments})
    numbers = {f"{enrolment.href(device)}/fsa": device.id for device in devices}
    contents: dict[str, Data] = {}
    for assignment in assignments:
        current: Data = {}
        for name, new_link in links[vder_number(assignment)].items():
            if name not in admitted or numbers[assignment.parent] in admitted[name]:
                current |= new_link
        if current != {key: value for key, value in assignment.submitted.items() if key in _LINKS}:
            others = {key: value for key, value in assignment.submitted.items() if key not in _LINKS}
            contents[assignment.href] = {**others, **current}
    store.put_all(contents)


def links_of(vder_ids: set[int]) -> dict[int, dict[str, Data]]:
    """Return the links to the programs that virtual DERs assign, by their numbers and the list."""
    links: dict[int, dict[str, Data]] = defaultdict(dict)
    if not vder_ids:
        return links
    paths = fsa.paths(vder_ids)
    lists = {row.path: row.name for row in _ASSIGNED}
    audiences = [vder_audience(number) for number in sorted(set().union(*paths.values()))]
    counts: dict[tuple[int, str], int] = {}
    for parent, audience, count in sql.among(
        "SELECT parent, audience, count(*) FROM document WHERE audience IN ({}) "
        f"AND parent IN ({sql.marks(len(lists))}) AND {documents.LISTED} GROUP BY parent, audience",
        audiences,
        *lists,
    ):
        counts[vder_of_audience(audience), lists[parent]] = count
    for number, path in paths.items():
        for name in lists.values():
            count = sum(counts.get((above, name), 0) for above in path)
            if count:
                links[number][name] = link(name, number, count)
    return links


def _list_of(program: Row) -> str:
    return next(row.name for row in _ASSIGNED if table.item(row.name) is program)


@after_all("POST", *_KINDS)
@after_all("PUT", *_KINDS)
@after_all("DELETE", *_KINDS)
def _update_links(changes: list[Change]) -> None:
    """Programs that all members are assigned have come or gone; `condition`s see to the others."""
    numbers = [number for change in changes if (number := vder_of_audience(change.audience or ""))
               and (change.old is None or change.method == "DELETE")
               and _list_of(table.rows[change.kind]) not in _conditions]
    for chunk in chunked(numbers, CHUNK):
        members = Membership.select(Membership.device).where(Membership.vder.in_(chunk))
        reconcile_links(Device.select().where(Device.id.in_(members)))
