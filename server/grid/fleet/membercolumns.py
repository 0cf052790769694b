"""The members of a virtual DER in columns, as the rows about them have it: a query for each table, whatever
the size."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from server.config import settings
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.models import Device, VirtualDER
from server.resources import pollrates, sql

POLLS, POSTS = 3, 2  # after so many that were missed a device is stale
_MEMBERS = (
    "SELECT d.id, d.state, d.last_contact_at, n.kind, n.category, n.max_load_w, c.response_rate, "
    "c.non_responding_since, c.opted_out_until, c.max_events, "
    "c.max_hours, c.tier FROM membership p JOIN device d ON d.id = p.device_id LEFT JOIN device_type n ON "
    "n.device_id = d.id "
    "LEFT JOIN participation c ON c.device_id = d.id WHERE p.vder_id = ? ORDER BY d.id"
)
_METERS = (
    "SELECT m.device_id, m.kind, m.injection_w, m.read_at, m.peak_load_w FROM membership p JOIN meter m ON "
    "m.device_id = p.device_id "
    "WHERE p.vder_id = ? AND m.injection_w IS NOT NULL"
)
_UNITS = (
    "SELECT u.device_id, u.der_type, u.max_injection_w, u.max_absorption_w, u.capacity_wh, u.ramp_w_per_s, "
    "u.soc, u.soc_at, u.dischargeable_wh, u.chargeable_wh, "
    "u.connected, u.modes, u.inferred_capacity_wh FROM membership p JOIN der_state u ON u.device_id = "
    "p.device_id WHERE p.vder_id = ? "
    "ORDER BY u.device_id, u.href"
)


@dataclass(frozen=True)
class DerColumns:
    """DERs; `place` is that of the device in the roster, NaN what was not said, `modes` names with spaces
    between."""
    place: Whole
    der_type: Floats
    max_injection_w: Floats
    max_absorption_w: Floats
    capacity_wh: Floats
    ramp_w_per_s: Floats
    soc: Floats
    soc_at: Floats
    dischargeable_wh: Floats
    chargeable_wh: Floats
    connected: Bools
    modes: Sequence[str]
    inferred_capacity_wh: Floats

    def take(self, *modes: str) -> Bools:
        """Which of them take one of these DERControl modes."""
        known = {names: not set(names.split()).isdisjoint(modes) for names in set(self.modes)}
        return np.fromiter((known[names] for names in self.modes), bool, len(self.modes))


@dataclass(frozen=True)
class MemberColumns:
    """Members, a column each, in the order of their numbers. `group` is the place in `leaves` of the virtual
    DER through which one is dispatched; `watts` is what it injects by its own meters, of the time `read_at`,
    `site_w` what its premises do, `peak` the greatest consumption that was read; `patience` is when it counts
    as stale: seconds since it was seen, and since it was read. NaN is not known."""
    area: VirtualDER
    leaves: list[VirtualDER]
    device: Whole
    group: Whole
    suspended: Bools
    seen_at: Floats
    what: Any
    category: Whole
    demand: Floats
    watts: Floats
    read_at: Floats
    peak: Floats
    site_w: Floats
    site_at: Floats
    response: Floats
    silent_since: Floats
    out_until: Floats
    events: Floats
    hours: Floats
    tier: Whole
    unseen: Floats
    unread: Floats
    fresh: Bools
    units: DerColumns

    def places(self, devices: Iterable[int]) -> Whole:
        """The places of these devices, which have to be members."""
        return np.searchsorted(self.device, np.fromiter(devices, np.intp))


def read(area: VirtualDER, at: int) -> MemberColumns:
    """The members of an area as they are known at `at`."""
    rows = sql.rows(_MEMBERS, area.id)
    size = len(rows)
    device, state, seen_at, what, category, demand, response, silent, out, events, hours, tier = _columns(
        rows, 12
    )
    numbers = _whole(device)
    leaves, group = _dispatch_groups(area, numbers)
    watts, read_at, peak, site_w, site_at = _meters(area, numbers)
    poll, post = _rates(numbers)
    last_read = np.where(np.isnan(read_at), site_at, read_at)
    seen = _floats(seen_at)
    return MemberColumns(
        area,
        leaves,
        numbers,
        group,
        np.fromiter((one != Device.ENROLLED for one in state), bool, size),
        seen,
        np.array([one or "other" for one in what], dtype="U8"),
        _whole([one or 0 for one in category]),
        _floats(demand),
        watts,
        read_at,
        peak,
        site_w,
        site_at,
        np.nan_to_num(_floats(response), nan=1.0),
        _floats(silent),
        _floats(out),
        _floats(events),
        _floats(hours),
        _whole([one or 0 for one in tier]),
        POLLS * poll,
        POSTS * post,
        (at - seen <= POLLS * poll) & (at - last_read <= POSTS * post),
        _units(area, numbers),
    )


def _columns(rows: list[Any], count: int) -> list[Any]:
    return list(zip(*rows, strict=True)) if rows else [()] * count


def _floats(values: Any) -> Floats:
    return np.array(values, dtype=float)


def _whole(values: Any) -> Whole:
    return np.array(values, dtype=np.intp)


def _dispatch_groups(area: VirtualDER, numbers: Whole) -> tuple[list[VirtualDER], Whole]:
    """The deepest virtual DER below the area that has each device (of several, the first made), and each
    device's."""
    below: dict[int | None, list[VirtualDER]] = {}
    for vder in VirtualDER.select().where(VirtualDER.device.is_null()).order_by(VirtualDER.id):
        below.setdefault(vder.parent_id, []).append(vder)
    depths, tree = {area.id: 0}, {area.id: area}
    for above in (queue := [area]):
        for child in below.get(above.id, ()):
            depths[child.id], tree[child.id] = depths[above.id] + 1, child
            queue.append(child)
    rows = sql.rows(
        f"SELECT device_id, vder_id FROM membership WHERE vder_id IN ({sql.marks(len(tree))})", *tree
    )
    if not rows:
        return [area], np.zeros(0, dtype=np.intp)
    device, group = np.array(rows, dtype=np.intp).T
    order = sorted(tree, key=lambda number: (-depths[number], number))
    rank = np.zeros(max(tree) + 1, dtype=np.intp)
    rank[order] = np.arange(len(order))
    best = np.full(len(numbers), len(order), dtype=np.intp)
    np.minimum.at(best, np.searchsorted(numbers, device), rank[group])
    ranks, label = np.unique(best, return_inverse=True)
    return [tree[order[place]] for place in ranks], label.reshape(-1)


def _meters(area: VirtualDER, numbers: Whole) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """W of injection, when read, and the greatest draw by each device's own meters; W and when by its
    premises'."""
    size = len(numbers)
    device, what, watts, at, peak = _columns(sql.rows(_METERS, area.id), 5)
    place, site = np.searchsorted(numbers, _whole(device)), np.array(what, dtype="U8") == "premises"
    values, times, peaks = _floats(watts), _floats(at), _floats(peak)

    def of(chosen: Bools) -> tuple[Floats, Floats, Floats]:
        some = place[chosen]
        count = np.bincount(some, minlength=size)
        newest, highest = np.full(size, -np.inf), np.zeros(size)
        np.maximum.at(newest, some, times[chosen])
        np.maximum.at(highest, some, peaks[chosen])
        return (
            np.where(count, np.bincount(some, values[chosen], size), np.nan),
            np.where(count, newest, np.nan),
            highest,
        )
    own, own_at, own_peak = of(~site)
    whole, whole_at, _ = of(site)
    return own, own_at, own_peak, whole, whole_at


def _rates(numbers: Whole) -> tuple[Floats, Floats]:
    """Seconds between polls and between posts of each device."""
    polls, posts = (
        np.full(len(numbers), float(pollrates.poll("EndDevice"))),
        np.full(len(numbers), float(settings.post_rate)),
    )
    if pollrates.any_configured():
        lfdis = dict(sql.rows("SELECT id, lfdi FROM device"))
        for place, number in enumerate(numbers.tolist()):
            polls[place] = pollrates.poll("EndDevice", lfdis[number])
            posts[place] = (
                pollrates.configured("post", "MirrorUsagePoint", lfdis[number]) or settings.post_rate
            )
    return polls, posts


def _units(area: VirtualDER, numbers: Whole) -> DerColumns:
    rows = sql.rows(_UNITS, area.id)
    device, *said, connected, modes, inferred = _columns(rows, 13)
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
        place=np.searchsorted(numbers, _whole(device)),
        connected=np.array(connected, dtype=bool),
        modes=modes,
        inferred_capacity_wh=_floats(inferred),
        **{name: _floats(column) for name, column in zip(names, said, strict=True)},
    )
