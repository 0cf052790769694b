"""What is known of each device in numbers: rows that answer for a hundred thousand at once what documents say
one by one.

All of it follows from documents and readings and can be rebuilt from them, save `Conduct`, which is learnt
and agreed, and what a battery's capacity was inferred from. Power is in W of injection, energy in Wh, times
are UTC epoch seconds.
"""
from __future__ import annotations

from peewee import BigIntegerField, BooleanField, DoubleField, ForeignKeyField, SmallIntegerField, TextField

from server.models.base import Table
from server.models.devices import Device


class DeviceType(Table):
    """What a device is: `kind` is one of natures.WHATS, `category` its DeviceCategoryType bits, `max_load_w`
    the greatest load in W that its DRLCCapabilities name."""
    device_id: int
    device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    kind = TextField()
    category = BigIntegerField(default=0)
    max_load_w = DoubleField(null=True)


class DerState(Table):
    """A DER, by its href, as DERCapability, DERSettings (which override), DERStatus and DERAvailability have
    it.

    `max_injection_w` and `max_absorption_w` are rated magnitudes, `capacity_wh` Wh, `ramp_w_per_s` W per
    second, `soc` the state of charge (0 to 1) that was said of the time `soc_at`, `dischargeable_wh` and
    `chargeable_wh` Wh that DERAvailability says it can still give and take, `available_w` its statWAvail;
    `modes` the DERControl modes that it takes, spaces between. NULL is not said. Where no capacity is,
    `inferred_capacity_wh` Wh follow from how the charge went with the power, `previous_soc` being the charge
    before, of the time `previous_soc_at`.

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
    inferred_capacity_wh = DoubleField(null=True)


class ThermalState(Table):
    """How far a thermal load is ahead (-: behind) at `at`, a part of what comfort allows, -1 to 1: by what it
    was told (`realised`), and as it was meant to be (`intended`) before that was put into tenths of a
    degree."""
    device_id: int
    device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    at = BigIntegerField()
    realised = DoubleField()
    intended = DoubleField()


class Meter(Table):
    """A MeterReading of active power that counts for a device, by its href: `factor` makes W of injection of
    its values, `kind` is what it measures (one of natures.WHATS), `injection_w` its newest reading, which
    ends at `read_at`, `peak_load_w` the greatest consumption (a magnitude) that it has read."""
    href = TextField(primary_key=True)
    device_id: int
    device = ForeignKeyField(Device, on_delete="CASCADE")
    kind = TextField()
    factor = DoubleField()
    injection_w = DoubleField(null=True)
    read_at = BigIntegerField(null=True)
    peak_load_w = DoubleField(default=0.0)


class ChargingSession(Table):
    """A flow reservation request, by its href: a car that wants `energy_wh` Wh (+ is charging) at up to
    `power_w` W between `arrival_at` and `departure_at`; at `reported_at` its charger said (PEVInfo) that it
    wanted `reported_need_wh` Wh more. Kept after its document is gone: it tells when cars come."""
    href = TextField(primary_key=True)
    device_id: int
    device = ForeignKeyField(Device, on_delete="CASCADE")
    arrival_at = BigIntegerField(index=True)
    departure_at = BigIntegerField()
    energy_wh = DoubleField()
    power_w = DoubleField()
    cancelled = BooleanField(default=False)
    reported_need_wh = DoubleField(null=True)
    reported_at = BigIntegerField(null=True)


class Participation(Table):
    """What was agreed with a device's owner and what is known of how it responds.

    `max_events` a season and `max_hours` a day are the most that its contract allows (NULL: no limit), `tier`
    who is asked first (the lowest). `response_rate` is the tracked part of what it is asked that it does, 0
    to 1; until `opted_out_until` it has opted out.

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
