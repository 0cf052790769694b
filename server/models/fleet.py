"""Tables of what is known of each device in numbers, for questions about 100,000 devices at once.

They follow from documents and readings and can be rebuilt from them, except Participation, which is agreed
and learnt, and inferred capacities. Power is injection, in W; energy is in Wh; times are UTC seconds.
"""
from __future__ import annotations

from peewee import (SQL, BigIntegerField, BooleanField, CompositeKey, DoubleField, ForeignKeyField,
                    SmallIntegerField, TextField)

from server.models.base import JSON, Table
from server.models.devices import Device
from server.models.groups import VirtualDER


class DeviceType(Table):
    """The type of a device.

    `kind` is one of devicetypes.KINDS, `category` its DeviceCategoryType bits, `max_load_w` the greatest load
    that its DRLCCapabilities name.
    """
    device_id: int
    device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    kind = TextField()
    category = BigIntegerField(default=0)
    max_load_w = DoubleField(null=True)


class DerState(Table):
    """A DER, by its href: DERCapability, DERSettings (which override), DERStatus, DERAvailability as numbers.

    `max_injection_w` and `max_absorption_w` are ratings (magnitudes). `soc` is the state of charge (0 to 1)
    at `soc_at`. `dischargeable_wh` and `chargeable_wh` follow from DERAvailability, `available_w` is its
    statWAvail. `modes` are the DERControl modes that the DER takes, separated by spaces. NULL means not
    reported. Without a reported capacity, `inferred_capacity_wh` follows from how the state of charge changed
    with the power since `previous_soc`, at `previous_soc_at`; the worker has yet to do that for
    `pending_soc`, at `pending_soc_at`. `implausible` and `implausible_soc` say what of ratings, availability
    and state of charge cannot be and is left out.
    """
    device_id: int
    href = TextField(primary_key=True)
    device = ForeignKeyField(Device, on_delete="CASCADE")
    der_type = SmallIntegerField(null=True)
    max_injection_w = DoubleField()
    max_absorption_w = DoubleField()
    capacity_wh = DoubleField(null=True)
    ramp_w_per_s = DoubleField(null=True)
    soc = DoubleField(null=True)
    soc_at = BigIntegerField(null=True)
    dischargeable_wh = DoubleField(null=True)
    chargeable_wh = DoubleField(null=True)
    available_w = DoubleField(null=True)
    connected = BooleanField(default=True)
    modes = TextField(default="")
    previous_soc = DoubleField(null=True)
    previous_soc_at = BigIntegerField(null=True)
    pending_soc = DoubleField(null=True)
    pending_soc_at = BigIntegerField(null=True)
    inferred_capacity_wh = DoubleField(null=True)
    implausible = TextField(null=True)
    implausible_soc = TextField(null=True)


DerState.add_index(DerState.index(DerState.pending_soc_at, where=SQL("pending_soc_at IS NOT NULL")))


class RatingOverride(Table):
    """Ratings of a DER (its href) that an operator has set in place of what it reports; NULL leaves that."""
    device_id: int
    href = TextField(primary_key=True)
    device = ForeignKeyField(Device, on_delete="CASCADE")
    max_injection_w = DoubleField(null=True)
    max_absorption_w = DoubleField(null=True)
    capacity_wh = DoubleField(null=True)


class ThermalState(Table):
    """How far a thermal load is ahead (+) or behind (-) at `at`, as a fraction of its comfort band (-1 to 1).

    `realised` follows from what it was told, `intended` from the plan before rounding to tenths of a degree.
    """
    device_id: int
    device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    at = BigIntegerField()
    realised = DoubleField()
    intended = DoubleField()


class ThermalParameters(Table):
    """What was learned at `learned_at` of the thermal loads of one variety (the index of an element of
    devicetypes.THERMAL_VARIETIES) that are dispatched through a virtual DER; see optimisation/thermalfit.py.

    Loads and slopes are fractions of the rating, which was `rated_w` in all. `idle` to `cooling_above_c` are
    NULL where no line over the outdoor temperature is known; `is_learned` is false where band and leak are
    the default that was declared. `response` (0 to 1) is the part of what is asked that is delivered.
    """
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    variety = SmallIntegerField()
    learned_at = BigIntegerField()
    rated_w = DoubleField()
    idle = DoubleField(null=True)
    heating_per_k = DoubleField(null=True)
    heating_below_c = DoubleField(null=True)
    cooling_per_k = DoubleField(null=True)
    cooling_above_c = DoubleField(null=True)
    band_h_per_k = DoubleField()
    leak_h = DoubleField()
    is_learned = BooleanField()
    response = DoubleField()

    class Meta:
        primary_key = CompositeKey("vder", "variety")


class DefaultBehaviour(Table):
    """What storage does if it is left alone, learned from its own meter at `learned_at`.

    The mean load in W of each quarter of an hour of a local day, null where it is not known: of working days,
    and of weekends and holidays. It outlasts the readings that it was learned from, for storage that is
    commanded all day since.
    """
    device_id: int
    device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    learned_at = BigIntegerField()
    working_day_w = JSON(default=list)
    other_day_w = JSON(default=list)


class Meter(Table):
    """A MeterReading of active power or energy that can count for a device, by its href.

    `factor` turns its values into W (or Wh) of injection. `kind` is what it measures (one of
    devicetypes.KINDS). `injection_w` is its newest plausible reading, which ends at `read_at` and is of
    `period_s`; `peak_load_w` is the greatest consumption read (a magnitude). `rated_w` is the rating of what
    it measures, NULL where it is not known.

    `measure`, `alternative`, `part` and `needed` are as in series/meteruse.py (NULL: power, 0, 0, false).
    `slot` is the UsagePoint for which it counts: its own or the one that succeeded that; NULL: it alone is
    one.
    """
    href = TextField(primary_key=True)
    device_id: int
    device = ForeignKeyField(Device, on_delete="CASCADE")
    kind = TextField()
    factor = DoubleField()
    injection_w = DoubleField(null=True)
    read_at = BigIntegerField(null=True)
    peak_load_w = DoubleField(default=0.0)
    period_s = BigIntegerField(null=True)
    first_read_at = BigIntegerField(null=True)
    rated_w = DoubleField(null=True)
    measure = TextField(null=True)
    alternative = SmallIntegerField(null=True)
    part = SmallIntegerField(null=True)
    needed = BooleanField(null=True)
    slot = TextField(null=True)


class ChargingSession(Table):
    """A flow reservation request, by its href: a vehicle at a charger.

    It wants `energy_wh` (+ is charging) at up to `power_w` (a magnitude) between `arrival_at` and
    `departure_at`. At `reported_at` the charger reported (PEVInfo) that it still needed `reported_need_wh`.
    Rows are kept after the document is gone, since they tell when vehicles usually come. `cancelled` is a
    session that counts for nothing; `superseded` says that this is since the device has asked for it anew.
    `unmet_wh` is what it will leave without, as last reckoned by a plan (NULL: not reckoned), and
    `unmet_reason` why.
    """
    href = TextField(primary_key=True)
    device_id: int
    device = ForeignKeyField(Device, on_delete="CASCADE")
    arrival_at = BigIntegerField(index=True)
    departure_at = BigIntegerField(index=True)
    energy_wh = DoubleField()
    power_w = DoubleField()
    cancelled = BooleanField(default=False)
    reported_need_wh = DoubleField(null=True)
    reported_at = BigIntegerField(null=True)
    superseded = BooleanField(null=True)
    unmet_wh = DoubleField(null=True)
    unmet_reason = TextField(null=True)


class Participation(Table):
    """The contract of a device's owner, and how the device responds.

    `max_events` a season and `max_hours` a day limit how often it is asked (NULL: no limit); the lowest
    `tier` is asked first. `response_rate` is the tracked fraction (0 to 1) of what it is asked that it
    delivers. It has opted out until `opted_out_until`.
    """
    device_id: int
    device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    response_rate = DoubleField(default=1.0)
    non_responding_since = BigIntegerField(null=True)
    opted_out_until = BigIntegerField(null=True)
    opt_out_reason = TextField(default="")
    max_events = SmallIntegerField(null=True)
    max_hours = DoubleField(null=True)
    tier = SmallIntegerField(default=0)
