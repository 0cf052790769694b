"""The queries that read the members of a virtual DER into columns, one for each table, whatever the size."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from server.config import settings
from server.grid.fleet.membercolumns import (ContactColumns, DerColumns, MemberColumns, MeterColumns,
                                             ParticipationColumns)
from server.grid.groups import dispatchgroups
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.series import meterrows, presentpower
from server.models import Device, VirtualDER
from server.resources import pollrates, sql

POLLS = 3  # after so many that were missed, a device is stale
_MEMBERS = (
    "SELECT d.id, d.state, d.last_contact_at, n.kind, n.category, n.max_load_w, c.response_rate, "
    "c.non_responding_since, c.opted_out_until, c.max_events, c.max_hours, c.tier, d.manager "
    "FROM membership p JOIN device d ON d.id = p.device_id LEFT JOIN device_type n ON n.device_id = d.id "
    "LEFT JOIN participation c ON c.device_id = d.id WHERE p.vder_id = ? ORDER BY d.id"
)
_METERS = "JOIN membership p ON p.device_id = m.device_id WHERE p.vder_id = ? AND m.read_at IS NOT NULL"
_DERS = (
    "SELECT u.device_id, u.der_type, u.max_injection_w, u.max_absorption_w, u.capacity_wh, u.ramp_w_per_s, "
    "u.soc, u.soc_at, u.dischargeable_wh, u.chargeable_wh, u.connected, u.modes, u.inferred_capacity_wh "
    "FROM membership p JOIN der_state u ON u.device_id = p.device_id WHERE p.vder_id = ? "
    "ORDER BY u.device_id, u.href"
)


def read(area: VirtualDER, at: int) -> MemberColumns:
    """Return the members of an area as they are known at `at` (UTC, s)."""
    (device, state, last_contact_at, kind, category, max_load_w, response_rate, non_responding_since,
     opted_out_until, max_events, max_hours, tier, manager) = _columns(sql.rows(_MEMBERS, area.id), 13)
    managers = {"": 0}  # who has none is under none
    numbers = _integers(device)
    dispatch_groups, group = _dispatch_groups(area, numbers)
    poll_s, post_s = _rates(numbers)
    meters = _meters(area, numbers, presentpower.POSTS * post_s, at)
    return MemberColumns(
        area=area,
        dispatch_groups=dispatch_groups,
        device=numbers,
        group=group,
        kind=np.array([name or "other" for name in kind], dtype="U16"),
        aggregator=_integers([managers.setdefault(lfdi, len(managers)) for lfdi in manager]),
        category=_integers([bits or 0 for bits in category]),
        max_load_w=_floats(max_load_w),
        contact=_contact(
            state, _floats(last_contact_at), POLLS * poll_s, presentpower.POSTS * post_s, meters, at
        ),
        meters=meters,
        participation=ParticipationColumns(
            response_rate=np.nan_to_num(_floats(response_rate), nan=1.0),
            non_responding_since=_floats(non_responding_since),
            opted_out_until=_floats(opted_out_until),
            max_events=_floats(max_events),
            max_hours=_floats(max_hours),
            tier=_integers([number or 0 for number in tier]),
        ),
        ders=_ders(area, numbers),
    )


def _columns(rows: list[Any], count: int) -> list[Any]:
    return list(zip(*rows, strict=True)) if rows else [()] * count


def _floats(values: Any) -> Floats:
    return np.array(values, dtype=float)


def _integers(values: Any) -> Whole:
    return np.array(values, dtype=np.intp)


def _dispatch_groups(area: VirtualDER, numbers: Whole) -> tuple[list[VirtualDER], Whole]:
    """Return the virtual DERs through which members are dispatched, and [n] the index of each one's."""
    tree = Tree.read(include=[area])
    group_of = dispatchgroups.dispatch_groups(tree.subtree(area.id), tree)
    vders = _integers([group_of[device] for device in numbers.tolist()])
    used, group = np.unique(vders, return_inverse=True)
    order = sorted(range(len(used)), key=lambda index: (-tree.depth(int(used[index])), used[index]))
    rank = np.empty(len(used), dtype=np.intp)
    rank[order] = np.arange(len(used))
    groups = [tree.vders[int(used[index])] for index in order]
    return groups or [area], rank[group.reshape(-1)]


def _contact(
    state: Sequence[str],
    last_contact_at: Floats,
    contact_timeout_s: Floats,
    reading_timeout_s: Floats,
    meters: MeterColumns,
    at: int,
) -> ContactColumns:
    return ContactColumns(
        suspended=np.array([value != Device.ENROLLED for value in state], dtype=bool),
        last_contact_at=last_contact_at,
        contact_timeout_s=contact_timeout_s,
        reading_timeout_s=reading_timeout_s,
        fresh=(at - last_contact_at <= contact_timeout_s) & meters.recent,
    )


def _meters(area: VirtualDER, numbers: Whole, timeout_s: Floats, at: int) -> MeterColumns:
    """Return what the meters of members (numbers) read of about `at`; `timeout_s` [n] is for readings."""
    size = len(numbers)
    rows = meterrows.read(_METERS, area.id)
    member = np.searchsorted(numbers, _integers([row.device for row in rows]))
    # own meters and those of premises are two owners of each member
    owner = member + size * np.array([row.kind == "premises" for row in rows], dtype=bool)
    total_w, recent = presentpower.of_meters(rows, owner, 2 * size, timeout_s[member], at)

    def highest(values: Floats, where: Bools) -> Floats:
        result = np.full(2 * size, -np.inf)
        np.maximum.at(result, owner[where], values[where])
        return np.where(np.isfinite(result), result, np.nan)

    every = np.ones(len(rows), dtype=bool)
    newest_at = _floats([row.read_at for row in rows])
    read_at, recent_at = highest(newest_at, every), highest(newest_at, recent)
    peak_load_w = _floats([min(row.peak_load_w, row.limit_w) for row in rows])
    peak_w = np.nan_to_num(highest(peak_load_w, every))
    has_own = np.isfinite(read_at[:size])
    return MeterColumns(
        injection_w=total_w[:size],
        read_at=read_at[:size],
        peak_load_w=peak_w[:size],
        premises_injection_w=total_w[size:],
        premises_read_at=read_at[size:],
        recent=np.isfinite(np.where(has_own, recent_at[:size], recent_at[size:])),
    )


def _rates(numbers: Whole) -> tuple[Floats, Floats]:
    """Return [n] each: the seconds between polls of each device, and between its posts of readings."""
    poll_s = np.full(len(numbers), float(pollrates.poll("EndDevice")))
    post_s = np.full(len(numbers), float(settings.post_rate))
    if pollrates.any_configured():
        lfdis = dict(sql.rows("SELECT id, lfdi FROM device"))
        for index, number in enumerate(numbers.tolist()):
            lfdi = lfdis[number]
            poll_s[index] = pollrates.poll("EndDevice", lfdi)
            post_s[index] = pollrates.configured("post", "MirrorUsagePoint", lfdi) or settings.post_rate
    return poll_s, post_s


def _ders(area: VirtualDER, numbers: Whole) -> DerColumns:
    device, *values, connected, modes, inferred_capacity_wh = _columns(sql.rows(_DERS, area.id), 13)
    names = (
        "der_type",
        "max_injection_w",
        "max_absorption_w",
        "capacity_wh",
        "ramp_w_per_s",
        "soc",
        "soc_at",
        "dischargeable_wh",
        "chargeable_wh",
    )
    return DerColumns(
        member=np.searchsorted(numbers, _integers(device)),
        connected=np.array(connected, dtype=bool),
        modes=modes,
        inferred_capacity_wh=_floats(inferred_capacity_wh),
        **{name: _floats(column) for name, column in zip(names, values, strict=True)},
    )


def names_of(devices: Iterable[int]) -> dict[int, str]:
    """Return the names of devices, by their numbers; of those without one the LFDIs."""
    return {device: name or lfdi for device, name, lfdi in sql.among(
        "SELECT id, name, lfdi FROM device WHERE id IN ({})", devices)}


def lfdis_of(area: VirtualDER) -> dict[int, str]:
    """Return, by number, the LFDI of each member."""
    return dict(sql.rows(
        "SELECT d.id, d.lfdi FROM device d JOIN membership m ON m.device_id = d.id WHERE m.vder_id = ?",
        area.id,
    ))
