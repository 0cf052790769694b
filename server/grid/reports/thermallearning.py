"""How thermal loads draw by the weather, what they store, and how they respond: learned once a day, by the
groups and varieties by which plans know them, from their meters, the outdoor temperature and our own events.

A sample of a group is read, since its parameters are by rating. Whatever moved set points counts: the events
of automatic plans, of orders and of operators, as they were published.
"""
from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.grid.fleet import memberqueries, resources
from server.grid.fleet.devicetypes import THERMAL_VARIETIES
from server.grid.groups import drprograms
from server.grid.groups.tree import Tree
from server.grid.optimisation import thermalfit
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.thermalfit import ThermalHistory
from server.grid.series import devicereadings, temperatures, thermalmodels
from server.grid.series.intervals import DAY, STEP, Span
from server.grid.series.thermalmodels import GroupModel
from server.models import Document, KeyValue, VirtualDER, among, db
from server.resources import hexbinary, sql
from server.resources.codes import EventStatus
from server.units import Instant

LOOK_BACK_DAYS = 28
SAMPLE = 100  # devices of a group at the most that are read
LEAST_READ = 0.5  # of the sample's rating, for a step that counts
_PROGRESS, _END = "thermal models", 2**62  # KeyValue: the local day, and the last virtual DER learned of
_NEXT = (
    "SELECT min(m.vder_id) FROM membership m JOIN device_type t ON t.device_id = m.device_id "
    "JOIN virtual_der v ON v.id = m.vder_id "
    "WHERE t.kind = 'thermal' AND v.device_id IS NULL AND m.vder_id > ?"
)
_ASKED = (
    "SELECT o.start, o.duration_s, o.cancelled_at, sum(s.baseline_w - s.planned_w) FROM share s "
    "JOIN dispatch_order o ON s.order_id = o.id WHERE s.lfdi IN ({}) AND o.start < ? "
    "AND o.start + o.duration_s > ? AND (? = 0 OR substr(s.event_href, 1, 4) <> '/dr/') "
    "GROUP BY o.id, o.start, o.duration_s, o.cancelled_at"
)


def learn_due() -> int:
    """Learn of the thermal loads of one virtual DER, of each once a local day; return of how many."""
    now, zone = clock.now(), ZoneInfo(settings.timezone)
    day = datetime.fromtimestamp(now, zone).date().isoformat()
    progress = KeyValue.get_or_none(KeyValue.name == _PROGRESS)
    done_day, last = progress.value.split() if progress is not None else ("", "0")
    after = int(last) if done_day == day else 0
    if after == _END:
        return 0
    vder = sql.row(_NEXT, after)[0]
    with db.atomic():
        if vder is not None:
            _learn(VirtualDER.get_by_id(vder), now, zone)
        value = f"{day} {_END if vder is None else vder}"
        KeyValue.insert(name=_PROGRESS, value=value).on_conflict(
            conflict_target=[KeyValue.name], update={KeyValue.value: value}).execute()
    return int(vder is not None)


def _learn(vder: VirtualDER, now: Instant, zone: ZoneInfo) -> None:
    """Learn of the loads that are dispatched through a virtual DER itself."""
    columns = memberqueries.read(vder, now)
    own = [number for number, group in enumerate(columns.dispatch_groups) if group.id == vder.id]
    rating_w = resources.thermal_rating_w(columns)
    chosen = (columns.kind == "thermal") & np.isin(columns.group, own) & (rating_w > 0)
    variety = resources.thermal_variety(columns.category)
    end = now - now % STEP
    span = Span(end - LOOK_BACK_DAYS * DAY, LOOK_BACK_DAYS * DAY // STEP, STEP, now)
    before = thermalmodels.read([vder.id])
    for number in range(len(THERMAL_VARIETIES)):
        members = np.flatnonzero(chosen & (variety == number))
        if not len(members):
            continue
        sample = members[np.linspace(0, len(members) - 1, min(SAMPLE, len(members))).astype(int)]
        history = _history(vder, number, columns.device[sample], rating_w[sample], span, zone)
        known = before.get((vder.id, number))
        model = thermalfit.learn(
            history, span.hours, thermalmodels.declared_store(), None if known is None else known.model)
        thermalmodels.save(vder.id, number, GroupModel(model, now, float(rating_w[members].sum())))


def _history(
    vder: VirtualDER, variety: int, devices: Whole, rating_w: Floats, span: Span, zone: ZoneInfo
) -> ThermalHistory:
    """Return what is known of these devices in the steps of a span."""
    end = span.start + span.steps * span.step
    load_w = -devicereadings.mean_injection_w(devices.tolist(), span.start, end, span.step)
    known = np.isfinite(load_w)
    read_w = known.T @ rating_w
    load = np.divide(np.where(known, load_w, 0.0).sum(axis=0), read_w,
                     out=np.full(span.steps, np.nan), where=read_w >= LEAST_READ * rating_w.sum())
    offsets_k = _offsets_k(vder, THERMAL_VARIETIES[variety], span)
    by_offset = variety == 0
    starts = span.start + span.step * np.arange(span.steps)
    local = [datetime.fromtimestamp(instant, zone) for instant in starts.tolist()]
    return ThermalHistory(
        load=load,
        outdoor_c=temperatures.known_c(vder, span),
        offset_k=offsets_k if by_offset else np.zeros(span.steps),
        asked=_asked_w(devices, span, by_offset) / float(rating_w.sum()),
        quarter=np.array([(moment.hour * 60 + moment.minute) * 60 // STEP for moment in local],
                         dtype=np.intp),
    )


def _offsets_k(vder: VirtualDER, categories: int, span: Span) -> Floats:
    """Return [T]: the mean offset (K, + uses more) that the events of a virtual DER and of those above it
    asked of loads of these categories; where two overlap, the later one counts."""
    tree = Tree.read(include=[vder])
    parents = [f"{drprograms.href(tree.vders[number])}/edc" for number in tree.ancestors(vder.id)]
    events = [event for event in among(Document.select(), Document.parent, parents)
              if "Offset" in event.submitted]
    minutes_k = np.zeros(span.steps * span.step // 60)
    for event in sorted(events, key=lambda event: int(event.submitted["interval"]["start"])):
        data = event.submitted
        reached = hexbinary.bits(data.get("deviceCategory"))
        if reached and not reached & categories:
            continue
        # each device varies start and length by chance: in the mean by half of the bound
        begin = int(data["interval"]["start"]) + int(data.get("randomizeStart") or 0) // 2
        until = begin + int(data["interval"]["duration"]) + int(data.get("randomizeDuration") or 0) // 2
        if event.status["currentStatus"] > EventStatus.ACTIVE:
            until = min(until, int(event.status["dateTime"]))
        first, after = (
            min(max((instant - span.start) // 60, 0), len(minutes_k)) for instant in (begin, until))
        direction = 1 if data["loadShiftForward"] else -1
        minutes_k[first:max(after, first)] = direction * _offset_k(data["Offset"])
    return np.asarray(minutes_k.reshape(span.steps, -1).mean(axis=1), dtype=float)


def _offset_k(offset: dict[str, int]) -> float:
    """Return by how many K an Offset moves set points; 0 where it is in percent of the load."""
    return max(offset.get("heatingOffset") or 0, offset.get("coolingOffset") or 0) / 10


def _asked_w(devices: Whole, span: Span, by_offset: bool) -> Floats:
    """Return [T]: how much more load our orders asked of devices, other than by offsets."""
    asked_w = np.zeros(span.steps)
    numbers = devices.tolist()
    lfdis = [lfdi for lfdi, in sql.among("SELECT lfdi FROM device WHERE id IN ({})", numbers)]
    end = span.start + span.steps * span.step
    starts = span.start + span.step * np.arange(span.steps)
    orders = sql.among(_ASKED, lfdis, end, span.start, int(by_offset))
    for begin, duration_s, cancelled_at, change_w in orders:
        until = min(begin + duration_s, begin + duration_s if cancelled_at is None else cancelled_at)
        overlap_s = np.minimum(until, starts + span.step) - np.maximum(begin, starts)
        asked_w += (change_w or 0.0) * np.maximum(overlap_s, 0) / span.step
    return asked_w
