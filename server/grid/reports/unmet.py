"""What could not be kept in a time: which limit, car, comfort band, contract or order, by how much, and why.

Limits are held against what was measured, cars against their last report. What is expected of a time that is
to come is listed as well, by the plan in force, so that the operator is told before it happens.
"""
from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.fleet import eligibility
from server.grid.fleet.unmetneeds import NEGLIGIBLE_WH
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.grid.optimisation.clusters import THERMAL
from server.grid.reports import limitexcess
from server.grid.reports.unmetresults import UnmetRow
from server.models import DispatchOrder, Plan, VirtualDER, among
from server.resources import sql
from server.units import Instant

LONGEST_S = 31 * 86400
_DAY = 86400
_CARS = (
    "SELECT d.name, d.lfdi, v.arrival_at, v.departure_at, v.energy_wh, v.power_w, v.reported_need_wh, "
    "v.reported_at, v.unmet_wh, v.unmet_reason FROM charging_session v "
    "JOIN membership m ON m.device_id = v.device_id JOIN device d ON d.id = v.device_id "
    "WHERE m.vder_id = ? AND NOT v.cancelled AND v.energy_wh > 0 AND v.departure_at >= ? "
    "AND v.departure_at < ? ORDER BY v.departure_at, d.lfdi"
)
_CONTRACTS = (
    "SELECT d.name, d.lfdi, c.max_events, c.max_hours, o.start, o.start + o.duration_s FROM participation c "
    "JOIN membership m ON m.device_id = c.device_id JOIN device d ON d.id = c.device_id "
    "JOIN share s ON s.lfdi = d.lfdi JOIN dispatch_order o ON o.id = s.order_id "
    "WHERE m.vder_id = ? AND (c.max_events IS NOT NULL OR c.max_hours IS NOT NULL) "
    "AND o.cancelled_at IS NULL AND o.start >= ? AND o.start < ? "
    "AND (s.planned_w IS NULL OR s.baseline_w IS NULL OR s.planned_w <> s.baseline_w) "
    "ORDER BY d.lfdi, o.start"
)


def unmet(name: str, start: Instant, end: Instant) -> list[UnmetRow]:
    """Return what could not be kept of a virtual DER and those below it in [start, end), by kind and time.

    Refused (400) where that is no time, or more than 31 days.
    """
    if not 0 < end - start <= LONGEST_S:
        raise Refused(400, f"specify a time of up to 31 days, not of {end - start} s")
    area = virtualders.find(name)
    tree = Tree.read(include=[area])
    rows = [
        *limitexcess.rows(area, tree, start, min(end, clock.now())),
        *_cars(area, start, end),
        *_comfort(tree, tree.subtree(area.id), start, end),
        *_contracts(area, start, min(end, clock.now())),
        *_orders(tree.subtree(area.id), start, end),
    ]
    return rows


def _cars(area: VirtualDER, start: Instant, end: Instant) -> Iterator[UnmetRow]:
    """Yield the cars that left, or will leave, without what they wanted."""
    for (name, lfdi, arrival_at, departure_at, energy_wh, power_w, need_wh, reported_at, unmet_wh,
         reason) in sql.rows(_CARS, area.id, start, end):
        expected = departure_at > clock.now()
        if not expected and reported_at is not None and reported_at >= arrival_at:
            unmet_wh = need_wh
        if (unmet_wh or 0.0) < NEGLIGIBLE_WH:
            continue
        most_wh = power_w * max(departure_at - arrival_at, 0) / 3600
        if energy_wh > most_wh + NEGLIGIBLE_WH:
            reason = (f"it asked for {energy_wh / 1000:.1f} kWh, and can take {most_wh / 1000:.1f} kWh while "
                      "it is there")
        yield {
            "kind": "car",
            "name": name or lfdi,
            "start": arrival_at,
            "end": departure_at,
            "expected": expected,
            "energy_wh": round(unmet_wh, 1),
            "power_w": None,
            "reason": reason or "it was granted less than it asked for, or left earlier",
        }


def _comfort(tree: Tree, numbers: list[int], start: Instant, end: Instant) -> Iterator[UnmetRow]:
    """Yield what plans that were in force could not keep of comfort bands, by group; of several plans that
    overlap, the worst."""
    worst: dict[str, UnmetRow] = {}
    for plan in _plans(tree, numbers, start, end):
        body = plan.body
        for kind, group, energy_wh in zip(
                body["kind"], body["group"], body.get("unmet", [0.0] * len(body["kind"])), strict=True):
            name = body["names"][group]
            if kind != THERMAL or energy_wh < NEGLIGIBLE_WH:
                continue
            if name not in worst or energy_wh > (worst[name]["energy_wh"] or 0.0):
                worst[name] = {
                    "kind": "comfort",
                    "name": name,
                    "start": plan.start,
                    "end": plan.start + plan.steps * plan.step_s,
                    "expected": plan.start + plan.steps * plan.step_s > clock.now(),
                    "energy_wh": energy_wh,
                    "power_w": None,
                    "reason": f"plan {plan.id} keeps a limit, which stands above comfort",
                }
    yield from worst.values()


def _plans(tree: Tree, numbers: list[int], start: Instant, end: Instant) -> list[Plan]:
    """Return the plans that were put in force for these virtual DERs or those above, and overlap a time."""
    chosen = Plan.select().where(
        Plan.state.in_((Plan.PUBLISHED, Plan.SUPERSEDED)) & (Plan.start < end)
        & (Plan.start + Plan.steps * Plan.step_s > start))
    areas = {number for below in numbers for number in (below, *tree.ancestors(below))}
    return sorted(among(chosen, Plan.vder, areas), key=lambda plan: plan.id)


def _contracts(area: VirtualDER, start: Instant, end: Instant) -> Iterator[UnmetRow]:
    """Yield the members that were asked more often in a season, or longer in a local day, than was agreed."""
    season = start - settings.season_days * _DAY
    periods: dict[str, list[tuple[int, int]]] = {}
    agreed: dict[str, tuple[str, int | None, float | None]] = {}
    for name, lfdi, max_events, max_hours, since, until in sql.rows(_CONTRACTS, area.id, season, end):
        periods.setdefault(lfdi, []).append((since, until))
        agreed[lfdi] = name or lfdi, max_events, max_hours
    for lfdi, (name, max_events, max_hours) in agreed.items():
        count = eligibility.used([period for period in periods[lfdi]
                                  if period[0] >= end - settings.season_days * _DAY], 0, end)[0]
        if max_events is not None and count > max_events and periods[lfdi][-1][1] > start:
            yield _exceeded(name, periods[lfdi][-1],
                            f"event {count} of a season in which {max_events} were agreed")
        for midnight in _days(start, end) if max_hours is not None else ():
            seconds = eligibility.used(periods[lfdi], midnight, min(midnight + _DAY, end))[1]
            if max_hours is not None and seconds > max_hours * 3600:
                yield _exceeded(name, (midnight, midnight + _DAY),
                                f"{seconds / 3600:.1f} h in a day for which {max_hours:g} h were agreed")


def _exceeded(name: str, period: tuple[Instant, Instant], reason: str) -> UnmetRow:
    return {"kind": "contract", "name": name, "start": period[0], "end": period[1], "expected": False,
            "energy_wh": None, "power_w": None, "reason": reason}


def _days(start: Instant, end: Instant) -> Iterator[Instant]:
    """Yield the beginnings of the local days of a time."""
    zone = ZoneInfo(settings.timezone)
    midnight = start
    while midnight < end:
        day = datetime.fromtimestamp(midnight, zone)
        midnight = int(day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
        yield midnight
        midnight += _DAY + 7200  # into the next day, however long this one is


def _orders(numbers: list[int], start: Instant, end: Instant) -> Iterator[UnmetRow]:
    """Yield the orders of which limits took a part, and that were not cancelled."""
    chosen = DispatchOrder.select().where(
        DispatchOrder.clipped_w.is_null(False) & DispatchOrder.cancelled_at.is_null()
        & (DispatchOrder.start >= start) & (DispatchOrder.start < end))
    for order in sorted(among(chosen, DispatchOrder.vder, numbers), key=lambda row: (row.start, row.id)):
        if not order.clipped_w:
            continue
        yield {
            "kind": "order",
            "name": f"order {order.id}",
            "start": order.start,
            "end": order.start + order.duration_s,
            "expected": order.start + order.duration_s > clock.now(),
            "energy_wh": round(abs(order.clipped_w) * order.duration_s / 3600, 1),
            "power_w": round(abs(order.clipped_w), 1),
            "reason": "; ".join(order.warnings) or "a limit of its virtual DER, or of one above",
        }
