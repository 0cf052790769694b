"""What the operations on flexibility return: rows with fixed keys, from which tables and JSON are made.

Power is positive for injection; up is more injection than the baseline, down is less.
"""
from __future__ import annotations

from typing import TypedDict

from server.units import Elements, Fraction, Hours, Instant, Seconds, WattHours, Watts, WattsPerSecond


class GroupTotal(TypedDict):
    """The sum over members, now.

    `stale` members are not online; only members that are online, and not stopped, count for what can be done
    now. `low_w` to `high_w` is the injection to which set points can order them, `up_w` and `down_w` the
    distance from the baseline to these; `soc` is that of all storage; `modes` counts the members by the
    DERControl modes that they take.
    """
    members: int
    online: int
    stale: int
    unrated: int
    rated_inject_w: Watts
    rated_absorb_w: Watts
    capacity_wh: WattHours
    injection_w: Watts
    devices_read: int
    low_w: Watts
    high_w: Watts
    up_w: Watts
    down_w: Watts
    up_wh: WattHours
    down_wh: WattHours
    soc: Fraction | None
    modes: dict[str, int]


class CapabilityNow(GroupTotal):
    """What a virtual DER can do now, and each of its children."""
    name: str
    children: list[CapabilityNow]


class QuantileSeries(TypedDict):
    """What a virtual DER can do with some certainty, a value for each step.

    Energies are until the end of each step; durations are how long the power of a step can be held from its
    beginning. Verified powers are of members that are read, claimed ones of ratings alone.
    """
    up_w: list[Watts]
    down_w: list[Watts]
    energy_up_wh: list[WattHours]
    energy_down_wh: list[WattHours]
    duration_up_s: list[Seconds]
    duration_down_s: list[Seconds]
    verified_up_w: list[Watts]
    claimed_up_w: list[Watts]
    verified_down_w: list[Watts]
    claimed_down_w: list[Watts]


class BlockOffer(TypedDict):
    """A block that can be called: so much more injection from `start` on, for `shortest_s` to `longest_s`.

    `block` is empty where nothing is agreed with the device. `in_s` is how far ahead its start is at least.
    """
    device: str
    block: str
    kind: str
    up_w: Watts
    start: Instant
    in_s: Seconds
    shortest_s: Seconds
    longest_s: Seconds
    price_event: float
    price_kwh: float


class NodeCapability(TypedDict):
    """What a virtual DER can do over a horizon: `p50` can be expected, `p90` counted on nine times of ten.

    `members` counts members by availability. `ramp_w_per_s` is the sum of the `ramps_reported`; unknown
    powers are the ratings of members without recent contact. `offers` are those of blocks, not cut by limits.
    """
    name: str
    members: dict[str, int]
    offers: list[BlockOffer]
    baseline_w: list[Watts]
    ramp_w_per_s: WattsPerSecond | None
    ramps_reported: int
    unknown_up_w: Watts
    unknown_down_w: Watts
    p50: QuantileSeries
    p90: QuantileSeries
    children: list[NodeCapability]


class CapabilityHorizon(NodeCapability):
    """What a virtual DER and those below it can do in each step of `step_s` from `start` on."""
    start: Instant
    step_s: Seconds
    warnings: list[str]


class StepCapability(TypedDict):
    """What a virtual DER can do in one step, by one quantile; energies until its end, durations from its
    beginning."""
    up_w: Watts
    down_w: Watts
    up_wh: WattHours
    down_wh: WattHours
    up_s: Seconds
    down_s: Seconds
    verified_up_w: Watts
    verified_down_w: Watts


class StepRow(StepCapability):
    """One step of a horizon."""
    start: Instant
    baseline_w: Watts


class ChildCapability(StepCapability):
    """What a child can do in the first step."""
    name: str
    members: dict[str, int]


class CapabilitySteps(TypedDict):
    """What a virtual DER can do in each step, by one quantile; see `CapabilityHorizon`.

    `together` says what its `blocks` can give together, by notice: "600 kW in 30 minutes, for 2 h".
    """
    name: str
    members: dict[str, int]
    ramp_w_per_s: WattsPerSecond | None
    unknown_up_w: Watts
    unknown_down_w: Watts
    warnings: list[str]
    quantile: float
    blocks: list[BlockOffer]
    together: list[str]
    steps: list[StepRow]
    children: list[ChildCapability]


class ActiveOrder(TypedDict):
    """An order in effect."""
    id: int
    vder: str
    quantity: str
    value: float
    end: Instant
    planned_w: Watts | None
    reason: str


class ExcludedDevice(TypedDict):
    """A member that is not dispatched; the last two fields are of members that have opted out."""
    device: str
    reason: str
    opt_out_reason: str
    opted_out_until: Instant | None


class UnmetCar(TypedDict):
    """A car that will leave without some of the energy that it asked for, by the plan in force."""
    device: str
    departure: Instant
    unmet_wh: WattHours
    reason: str


class ThermalGroup(TypedDict):
    """What was learned of the thermal loads that are dispatched through a virtual DER, and how they respond.

    `loads` says by what they are told. `response` is the fraction of what is asked of them that they deliver,
    and that is planned; `band_wh_per_k` is what an offset of a degree stores in all of them, None where it
    was not learned, so that `comfort_hours` stands; `leak_h` is the time constant with which it is lost.
    `idle_w` to `cooling_w_per_k` are the line of their load over the outdoor temperature, None where it is
    not known.
    """
    vder: str
    loads: str
    response: Fraction
    band_wh_per_k: float | None
    leak_h: Hours
    idle_w: Watts | None
    heating_w_per_k: float | None
    heating_below_c: float | None
    cooling_w_per_k: float | None
    cooling_above_c: float | None
    learned_at: Instant


class VderStatus(TypedDict):
    """The members of a virtual DER and the orders in effect.

    `kinds` counts members by kind, `excluded` those that are not dispatched by reason. Powers are the last
    readings. `verified_w` are ratings of members that are read, `claimed_w` of those in contact but not read,
    `unknown_w` of those without recent contact. `meter` says in words whether the meter of the area is
    believed, empty where it has not been read. `unmet` are the cars that a limit will leave short. `thermal`
    is what was learned of thermal loads.
    """
    name: str
    members: int
    kinds: dict[str, int]
    available: int
    excluded: dict[str, int]
    injection_w: Watts
    devices_read: int
    premises_injection_w: Watts | None
    soc: Fraction | None
    sessions: int
    verified_w: Watts
    claimed_w: Watts
    unknown_w: Watts
    meter: str
    orders: list[ActiveOrder]
    unmet: list[UnmetCar]
    thermal: list[ThermalGroup]
    excluded_devices: list[ExcludedDevice]


class EquivalentDer(TypedDict):
    """A virtual DER as the documents of one DER."""
    DERCapability: Elements
    DERSettings: Elements
    DERStatus: Elements
    DERAvailability: Elements
