"""The members of a virtual DER in columns, as the rows about them have it: a query for each table, whatever the size."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from server.config import settings
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.models import Device, VirtualDER
from server.resources import pollrates, sql

POLLS, POSTS = 3, 2  # after so many that were missed a device is stale
_MEMBERS = ("SELECT d.id, d.state, d.seen_at, n.what, n.category, n.demand, c.response, c.silent_since, c.out_until, c.events, "
            "c.hours, c.tier FROM membership p JOIN device d ON d.id = p.device_id LEFT JOIN nature n ON n.device_id = d.id "
            "LEFT JOIN conduct c ON c.device_id = d.id WHERE p.vder_id = ? ORDER BY d.id")
_METERS = ("SELECT m.device_id, m.what, m.watts, m.at, m.peak FROM membership p JOIN meter m ON m.device_id = p.device_id "
           "WHERE p.vder_id = ? AND m.watts IS NOT NULL")
_UNITS = ("SELECT u.device_id, u.type, u.inject, u.absorb, u.capacity, u.ramp, u.charge, u.charge_at, u.up, u.down, "
          "u.connected, u.modes, u.inferred FROM membership p JOIN unit u ON u.device_id = p.device_id WHERE p.vder_id = ? "
          "ORDER BY u.device_id, u.href")


@dataclass(frozen=True)
class Units:
    """DERs; `place` is that of the device in the roster, NaN what was not said, `modes` names with spaces between."""
    place: Whole
    type: Floats
    inject: Floats
    absorb: Floats
    capacity: Floats
    ramp: Floats
    charge: Floats
    charge_at: Floats
    up: Floats
    down: Floats
    connected: Bools
    modes: Sequence[str]
    inferred: Floats

    def take(self, *modes: str) -> Bools:
        """Which of them take one of these DERControl modes."""
        known = {names: not set(names.split()).isdisjoint(modes) for names in set(self.modes)}
        return np.fromiter((known[names] for names in self.modes), bool, len(self.modes))


@dataclass(frozen=True)
class Roster:
    """Members, a column each, in the order of their numbers. `group` is the place in `leaves` of the virtual DER through which
    one is dispatched; `watts` is what it injects by its own meters, of the time `read_at`, `site_w` what its premises do,
    `peak` the greatest consumption that was read; `patience` is when it counts as stale: seconds since it was seen, and since
    it was read. NaN is not known."""
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
    units: Units

    def places(self, devices: Iterable[int]) -> Whole:
        """The places of these devices, which have to be members."""
        return np.searchsorted(self.device, np.fromiter(devices, np.intp))


def read(area: VirtualDER, at: int) -> Roster:
    """The members of an area as they are known at `at`."""
    rows = sql.rows(_MEMBERS, area.id)
    size = len(rows)
    device, state, seen_at, what, category, demand, response, silent, out, events, hours, tier = _columns(rows, 12)
    numbers = _whole(device)
    leaves, group = _leaves(area, numbers)
    watts, read_at, peak, site_w, site_at = _meters(area, numbers)
    poll, post = _rates(numbers)
    last_read = np.where(np.isnan(read_at), site_at, read_at)
    seen = _floats(seen_at)
    return Roster(
        area, leaves, numbers, group, np.fromiter((one != Device.ENROLLED for one in state), bool, size), seen,
        np.array([one or "other" for one in what], dtype="U5"), _whole([one or 0 for one in category]), _floats(demand),
        watts, read_at, peak, site_w, site_at, np.nan_to_num(_floats(response), nan=1.0), _floats(silent), _floats(out),
        _floats(events), _floats(hours), _whole([one or 0 for one in tier]), POLLS * poll, POSTS * post,
        (at - seen <= POLLS * poll) & (at - last_read <= POSTS * post), _units(area, numbers))


def _columns(rows: list[Any], count: int) -> list[Any]:
    return list(zip(*rows, strict=True)) if rows else [()] * count


def _floats(values: Any) -> Floats:
    return np.array(values, dtype=float)


def _whole(values: Any) -> Whole:
    return np.array(values, dtype=np.intp)


def _leaves(area: VirtualDER, numbers: Whole) -> tuple[list[VirtualDER], Whole]:
    """The deepest virtual DER below the area that has each device (of several, the first made), and each device's."""
    below: dict[int | None, list[VirtualDER]] = {}
    for vder in VirtualDER.select().where(VirtualDER.device.is_null()).order_by(VirtualDER.id):
        below.setdefault(vder.parent_id, []).append(vder)
    depths, tree = {area.id: 0}, {area.id: area}
    for above in (queue := [area]):
        for child in below.get(above.id, ()):
            depths[child.id], tree[child.id] = depths[above.id] + 1, child
            queue.append(child)
    rows = sql.rows(f"SELECT device_id, vder_id FROM membership WHERE vder_id IN ({sql.marks(len(tree))})", *tree)
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
    """W of injection, when read, and the greatest draw by each device's own meters; W and when by its premises'."""
    size = len(numbers)
    device, what, watts, at, peak = _columns(sql.rows(_METERS, area.id), 5)
    place, site = np.searchsorted(numbers, _whole(device)), np.array(what, dtype="U5") == "site"
    values, times, peaks = _floats(watts), _floats(at), _floats(peak)

    def of(chosen: Bools) -> tuple[Floats, Floats, Floats]:
        some = place[chosen]
        count = np.bincount(some, minlength=size)
        newest, highest = np.full(size, -np.inf), np.zeros(size)
        np.maximum.at(newest, some, times[chosen])
        np.maximum.at(highest, some, peaks[chosen])
        return (np.where(count, np.bincount(some, values[chosen], size), np.nan), np.where(count, newest, np.nan), highest)
    own, own_at, own_peak = of(~site)
    whole, whole_at, _ = of(site)
    return own, own_at, own_peak, whole, whole_at


def _rates(numbers: Whole) -> tuple[Floats, Floats]:
    """Seconds between polls and between posts of each device."""
    polls, posts = np.full(len(numbers), float(pollrates.poll("EndDevice"))), np.full(len(numbers), float(settings.post_rate))
    if pollrates.any_set():
        lfdis = dict(sql.rows("SELECT id, lfdi FROM device"))
        for place, number in enumerate(numbers.tolist()):
            polls[place] = pollrates.poll("EndDevice", lfdis[number])
            posts[place] = pollrates.ruled("post", "MirrorUsagePoint", lfdis[number]) or settings.post_rate
    return polls, posts


def _units(area: VirtualDER, numbers: Whole) -> Units:
    rows = sql.rows(_UNITS, area.id)
    device, *said, connected, modes, inferred = _columns(rows, 13)
    names = ("type", "inject", "absorb", "capacity", "ramp", "charge", "charge_at", "up", "down")
    return Units(place=np.searchsorted(numbers, _whole(device)), connected=np.array(connected, dtype=bool), modes=modes,
                 inferred=_floats(inferred), **{name: _floats(column) for name, column in zip(names, said, strict=True)})
