"""Devices join and leave virtual DERs some at a time.

A change of a rule, of the tree or of lists is checked first, without a lock (`check`), then recorded in one
transaction (`record_rule`, `record_changes`). Then memberships, assignments and audiences follow (`finish`),
for some devices in each further transaction (see parts), so that others wait no longer than for these. What
remains is in two tables, so whoever made the change may be killed: the worker goes on. In between each device
is wholly in a virtual DER or not at all.

A conflict that comes from two changes at once is not refused any more. `members.validate` shows it.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from server import clock
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import activeareas, assignments, dispatchgroups, programs
from server.grid.groups.tree import Tree
from server.models import Device, Membership, MembershipChange, MembershipWork, VirtualDER, among
from server.resources import parts, sql, store
from server.units import Lfdi

Data = dict[str, Any]
Progress = Callable[[int, int], None]
TOGETHER = 50  # devices in one transaction, at least
PAGE = 2000  # devices that are compared with the rules at once, which takes no lock
_PARTS = "/fsa/parts"  # the scope of all parts: one at a time, since two could write the same cursor


class ListChange(NamedTuple):
    """A device that is put on the list of a virtual DER or taken off it, as it is after it was relabelled,
    and how (see MembershipChange), if it is."""
    device: Device
    listed: bool
    relabel: Data | None = None


def relabelled(device: Device, relabel: Data) -> Device:
    """Return a device with other labels, name and kind. Pure."""
    return enrolment.renamed(device, relabel["labels"], relabel["name"], relabel["kind"])


# --- before ---------------------------------------------------------------------------------------

def check(vders: Collection[VirtualDER], changes: Collection[ListChange] = ()) -> None:
    """Refuse (409) a change that makes a conflict in an active area, or puts a device into two of them.

    `vders` are as they will be, one of them if the lists change, which `changes` are of. Nothing is written.
    """
    areas = activeareas.active_areas(clock.now())
    if not areas:
        return
    tree = Tree.read(include=areas)
    planned = tree.changed(vders)
    rules = assignments.Rules(planned)
    device_of = {change.device.id: change.device for change in changes}
    only = None if any(_concerns_all(vder, tree) for vder in vders) else list(device_of)
    devices = list(device_of.values()) if only is not None else [
        device_of.get(device.id, device) for device in Device.select()]
    before = assignments.memberships(only)
    listing = {change.device.id: {vder.id: change.listed} for vder in vders for change in changes}
    after = {device.id: rules.memberships(
        device, assignments.listed_in(before[device.id], listing.get(device.id, {}))) for device in devices}
    dispatchgroups.check_planned(areas, tree, planned, before, after)


def _concerns_all(vder: VirtualDER, tree: Tree) -> bool:
    """Return whether more devices than those on its list may join or leave, once it is in the tree."""
    current = tree.vders.get(vder.id)
    if current is None:
        return bool(vder.rule)
    return (vder.rule, vder.parent_id) != (current.rule, current.parent_id)


def listed(vder: VirtualDER) -> dict[int, Lfdi]:
    """Return the devices (numbers) that a virtual DER lists, as soon as nothing remains to be done."""
    devices: dict[int, Lfdi] = dict(sql.rows(
        "SELECT d.id, d.lfdi FROM membership m JOIN device d ON d.id = m.device_id "
        "WHERE m.vder_id = ? AND m.listed", vder.id))
    for number, lfdi, is_listed in sql.rows(
        "SELECT d.id, d.lfdi, c.listed FROM membership_change c JOIN device d ON d.id = c.device_id "
        "WHERE c.vder_id = ?", vder.id,
    ):
        devices.pop(number, None)
        if is_listed:
            devices[number] = lfdi
    return devices


def list_changes(add: Iterable[str] = (), remove: Iterable[str] = ()) -> list[ListChange]:
    """Return the changes that put devices on a list and take others off it. Refused (404) for names of
    none."""
    changes = [*(ListChange(enrolment.find(name), True) for name in add),
               *(ListChange(enrolment.find(name), False) for name in remove)]
    return list({change.device.id: change for change in changes}.values())


def check_listed(vder: VirtualDER, changes: Iterable[ListChange]) -> None:
    """Refuse (409) to take devices off a list that are not on it."""
    removed = [change.device for change in changes if not change.listed]
    on_list = listed(vder) if removed else {}
    for device in removed:
        if device.id not in on_list:
            is_member = Membership.select().where(
                (Membership.vder == vder) & (Membership.device == device)).exists()
            cause = ", but by a rule or a child" if is_member else ""
            raise Refused(409, f"{device.name or device.lfdi} is not in {vder.name} by name{cause}")


# --- what remains to be done ----------------------------------------------------------------------

def record_rule(vder: VirtualDER) -> None:
    """Note, in the transaction of the caller, that all devices have to be compared with the rules.

    The transaction has to be without scope: a device that is enrolled meanwhile may know only the old rule.
    """
    sql.execute("INSERT INTO membership_work (vder_id, after) VALUES (?, 0) "
                "ON CONFLICT (vder_id) DO UPDATE SET after = 0", vder.id)


def record_changes(vder: VirtualDER, changes: Iterable[ListChange]) -> None:
    """Note, in the transaction of the caller, changes of the list of a virtual DER."""
    to_json = MembershipChange.relabel.db_value
    sql.insert("membership_change", ("vder_id", "device_id", "listed", "relabel"),
               ((vder.id, change.device.id, change.listed,
                 None if change.relabel is None else to_json(change.relabel)) for change in changes),
               "ON CONFLICT (vder_id, device_id) DO UPDATE SET listed = excluded.listed, "
               "relabel = COALESCE(excluded.relabel, membership_change.relabel)")


def record_deletion(vder: VirtualDER) -> None:
    """Note, in the transaction of the caller, that a virtual DER is to be deleted once all have left it."""
    had_rule, vder.rule, vder.deleting = bool(vder.rule), "", True
    vder.save()
    if had_rule:
        record_rule(vder)
    record_changes(vder, [ListChange(Device(id=number), False) for number in listed(vder)])


def remains(vder: VirtualDER) -> bool:
    """Return whether devices have still to join or leave a virtual DER, or one below it."""
    changing = _with_work()
    return bool(changing) and not set(changing).isdisjoint(Tree.read(include=[vder]).subtree(vder.id))


def _with_work() -> list[int]:
    return [number for number, in sql.rows(
        "SELECT vder_id FROM membership_change UNION SELECT vder_id FROM membership_work "
        "UNION SELECT id FROM virtual_der WHERE deleting IS NOT NULL ORDER BY 1")]


# --- doing it -------------------------------------------------------------------------------------

def finish_all() -> int:
    """Do what remains for every virtual DER; return for how many devices that was."""
    return sum(finish(vder) for vder in _with_work())


def finish(vder: int, progress: Progress | None = None) -> int:
    """Do what remains for a virtual DER (number); return for how many devices that was.

    `progress(done, total)` is called after each transaction.
    """
    done, total = 0, _count(vder) if progress else 0
    for count in _parts(vder):
        done += count
        if progress is not None and count:
            progress(done, max(total, done))
    _delete(vder)
    return done


def _count(vder: int) -> int:
    changes, = sql.row("SELECT count(*) FROM membership_change WHERE vder_id = ?", vder)
    compared, = sql.row("SELECT count(*) FROM device d JOIN membership_work w ON d.id > w.after "
                        "WHERE w.vder_id = ?", vder)
    return int(changes) + int(compared)


def _parts(vder: int) -> Iterator[int]:
    """Do what remains, and yield for how many devices that was after each part."""
    size = parts.Parts(TOGETHER)
    while count := _change_lists(vder, size):
        yield count
    while (work := MembershipWork.get_or_none(MembershipWork.vder == vder)) is not None:
        yield from _compare(work.after, size)


@contextmanager
def _part(devices: Iterable[int]) -> Iterator[None]:
    with store.transaction(_PARTS, *(f"/edev/{number}" for number in devices)), dispatchgroups.checked():
        yield


def _change_lists(vder: int, size: parts.Parts) -> int:
    """Put the next devices on the list of a virtual DER, or take them off, and return how many."""
    numbers = [number for number, in sql.rows(
        "SELECT device_id FROM membership_change WHERE vder_id = ? ORDER BY device_id LIMIT ?",
        vder, size.size)]
    if not numbers:
        return 0
    with _part(numbers):
        changes = {change.device_id: change for change in among(  # another process may have done some
            MembershipChange.select().where(MembershipChange.vder == vder), MembershipChange.device, numbers)}
        devices = list(among(Device.select(), Device.id, changes))
        enrolment.relabel_all([relabelled(device, relabel) for device in devices
                               if (relabel := changes[device.id].relabel) is not None])
        devices = list(among(Device.select(), Device.id, changes))
        assignments.reconcile(devices, {number: {vder: change.listed} for number, change in changes.items()})
        sql.many("DELETE FROM membership_change WHERE vder_id = ? AND device_id = ?",
                 ((vder, number) for number in changes))
    size.took(len(numbers))
    return len(numbers)


def _compare(after: int, size: parts.Parts) -> Iterator[int]:
    """Let devices of the next PAGE join and leave by the rules; yield, after each part, how many devices are
    as they should be. It ends early where the rules change meanwhile."""
    rules = assignments.Rules()
    page = list(Device.select().where(Device.id > after).order_by(Device.id).limit(PAGE))
    position, is_last = 0, len(page) < PAGE
    for part in _chunks(assignments.unsettled(page, rules), size):
        with _part(device.id for device in part):
            if not rules.are(assignments.Rules()):
                return
            # read again: others may have changed them
            assignments.reconcile(among(Device.select(), Device.id, [device.id for device in part]))
            _advance(after, part[-1].id)
        size.took(len(part))
        done = page.index(part[-1]) + 1
        yield done - position
        position = done
    with _part(()):
        if rules.are(assignments.Rules()):
            _advance(after, None if is_last else page[-1].id)
    yield len(page) - position


def _chunks(devices: Sequence[Device], size: parts.Parts) -> Iterator[Sequence[Device]]:
    begin = 0
    while begin < len(devices):
        end = begin + size.size
        yield devices[begin:end]
        begin = end


def _delete(vder: int) -> None:
    """Delete a virtual DER (number) that is to be deleted, with its programs, and whoever has joined it
    meanwhile leaves it."""
    query = VirtualDER.select().where((VirtualDER.id == vder) & VirtualDER.deleting.is_null(False))
    if not query.exists():
        return
    with store.transaction(), dispatchgroups.checked():
        row = query.first()
        if row is None:
            return  # another process has done it
        devices = list(Device.select().join(Membership).where(Membership.vder == row))
        assignments.leave(devices, row)
        assignments.reconcile(devices)
        programs.remove(row)
        row.delete_instance()


def _advance(after: int, to: int | None) -> None:
    """Note that all devices beyond the number `after`, up to another (None: to the last), are as the rules
    say: for all virtual DERs, since each device is compared with all rules."""
    if to is None:
        sql.execute("DELETE FROM membership_work WHERE after >= ?", after)
    else:
        sql.execute("UPDATE membership_work SET after = ? WHERE after >= ? AND after < ?", to, after, to)
