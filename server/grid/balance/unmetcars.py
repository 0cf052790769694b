"""The cars that a plan leaves short of the energy that they need, by how much, and which limit is why."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from server.grid.fleet import memberqueries
from server.grid.fleet.unmetneeds import NEGLIGIBLE_WH, UnmetNeed
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.balanceproblem import ClusterSchedule, GroupLimit
from server.grid.optimisation.clusters import Labels, Sessions
from server.grid.series.intervals import Span, iso
from server.units import Href

BINDING_W = 50.0  # a limit that leaves less than this in a step is why no more is drawn
LISTED = 3  # cars that a warning names


def unmet_needs(
    unmet_wh: Floats, requests: Sequence[Href], sessions: Sessions, limits: Mapping[int, GroupLimit]
) -> dict[Href, UnmetNeed]:
    """Return, by request, what sessions [n] will lack, where that is something.

    `limits` has, by group, the limit that is why (see `binding_limits`).
    """
    return {
        requests[index]: UnmetNeed(float(unmet_wh[index]), _reason(limits.get(int(sessions.group[index]))))
        for index in np.flatnonzero(unmet_wh >= NEGLIGIBLE_WH).tolist()
    }


def _reason(limit: GroupLimit | None) -> str:
    return f"the import limit of {limit.name} leaves too little" if limit else "there is too little time"


def binding_limits(
    schedule: ClusterSchedule, labels: Labels, limits: Sequence[GroupLimit]
) -> dict[int, GroupLimit]:
    """Return, by group, the limit on import that leaves its cars least: the one that binds in most steps, of
    equal ones the innermost."""
    binding: dict[int, tuple[int, int, GroupLimit]] = {}
    for limit in limits:
        steps = int((limit.most - limit.drawn(schedule, labels.group) < BINDING_W).sum())
        for group in limit.groups:
            candidate = (steps, -len(limit.groups), limit)
            if steps and (group not in binding or candidate[:2] > binding[group][:2]):
                binding[group] = candidate
    return {group: limit for group, (_, _, limit) in binding.items()}


def warnings(needs: Mapping[Href, UnmetNeed], requests: Sequence[Href], sessions: Sessions,
             span: Span) -> list[str]:
    """Return a sentence for each reason: how many cars will lack how much, and which most of all."""
    by_reason: dict[str, list[Href]] = defaultdict(list)
    for href, need in needs.items():
        by_reason[need.reason].append(href)
    depart = dict(zip(requests, (span.start + sessions.depart * span.step).tolist(), strict=True))
    device_of = {href: int(href.split("/")[2]) for href in needs}
    names = memberqueries.names_of(device_of.values())
    sentences = []
    for reason, hrefs in by_reason.items():
        hrefs.sort(key=lambda href: (-needs[href].energy_wh, href))
        total_wh = sum(needs[href].energy_wh for href in hrefs)
        listed = ", ".join(
            f"{names[device_of[href]]} {needs[href].energy_wh / 1000:.1f} kWh at "
            f"{iso(int(depart[href]))}" for href in hrefs[:LISTED])
        more = f" and {len(hrefs) - LISTED} more" if len(hrefs) > LISTED else ""
        sentences.append(f"{len(hrefs)} cars will leave without {total_wh / 1000:.1f} kWh that they need, "
                         f"{reason}: {listed}{more}")
    return sentences
