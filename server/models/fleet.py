"""What is known of each device in numbers: rows that answer for a hundred thousand at once what documents say one by one.

All of it follows from documents and readings and can be rebuilt from them, save `Conduct`, which is learnt and agreed,
and what a battery's capacity was inferred from. Power is in W of injection, energy in Wh, times are UTC epoch seconds.
"""
from __future__ import annotations

from peewee import BigIntegerField, BooleanField, DoubleField, ForeignKeyField, SmallIntegerField, TextField

from server.models.base import Table
from server.models.documents import Device


class Nature(Table):
    """What a device is: `what` is one of natures.WHATS, `category` its DeviceCategoryType bits, `demand` the greatest load in
    W that its DRLCCapabilities name."""
    device_id: int
    device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    what = TextField()
    category = BigIntegerField(default=0)
    demand = DoubleField(null=True)


class Unit(Table):
    """A DER, by its href, as DERCapability, DERSettings (which override), DERStatus and DERAvailability have it.

    `inject` and `absorb` are rated magnitudes, `capacity` Wh, `ramp` W per second, `charge` the state of charge
    (0 to 1) that was said of the time `charge_at`, `up` and `down` Wh that DERAvailability says it can still give and take,
    `offered` its statWAvail; `modes` the DERControl modes that it takes, spaces between. NULL is not said. Where no capacity
    is, `inferred` Wh follow from how the charge went with the power, `was` being the charge before, of the time `was_at`.
    """
    device_id: int
    href = TextField(primary_key=True)
    device = ForeignKeyField(Device, on_delete="CASCADE")
    type = SmallIntegerField(null=True)
    inject = DoubleField()
    absorb = DoubleField()
    capacity = DoubleField(null=True)
    ramp = DoubleField(null=True)
    charge = DoubleField(null=True)
    charge_at = BigIntegerField(null=True)
    up = DoubleField(null=True)
    down = DoubleField(null=True)
    offered = DoubleField(null=True)
    connected = BooleanField(default=True)
    modes = TextField(default="")
    was = DoubleField(null=True)
    was_at = BigIntegerField(null=True)
    inferred = DoubleField(null=True)


class Warmth(Table):
    """How far a thermal load is ahead (-: behind) at `at`, a part of what comfort allows, -1 to 1: by what it was told
    (`part`), and as it was meant to be (`meant`) before that was put into tenths of a degree."""
    device_id: int
    device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    at = BigIntegerField()
    part = DoubleField()
    meant = DoubleField()


class Meter(Table):
    """A MeterReading of active power that counts for a device, by its href: `factor` makes W of injection of its values,
    `what` is what it measures (one of natures.WHATS), `watts` its newest reading, which ends at `at`, `peak` the greatest
    consumption (a magnitude) that it has read."""
    href = TextField(primary_key=True)
    device_id: int
    device = ForeignKeyField(Device, on_delete="CASCADE")
    what = TextField()
    factor = DoubleField()
    watts = DoubleField(null=True)
    at = BigIntegerField(null=True)
    peak = DoubleField(default=0.0)


class Visit(Table):
    """A flow reservation request, by its href: a car that wants `energy` Wh (+ is charging) at up to `power` W between
    `arrive` and `depart`; at `said_at` its charger said (PEVInfo) that it wanted `said` Wh more. Kept after its document is
    gone: it tells when cars come."""
    href = TextField(primary_key=True)
    device_id: int
    device = ForeignKeyField(Device, on_delete="CASCADE")
    arrive = BigIntegerField(index=True)
    depart = BigIntegerField()
    energy = DoubleField()
    power = DoubleField()
    cancelled = BooleanField(default=False)
    said = DoubleField(null=True)
    said_at = BigIntegerField(null=True)


class Conduct(Table):
    """What was agreed with a device's owner and what is known of how it responds.

    `events` a season and `hours` a day are the most that its contract allows (NULL: no limit), `tier` who is asked first
    (the lowest). `response` is the tracked part of what it is asked that it does, 0 to 1; until `out_until` it has opted out.
    """
    device_id: int
    device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    response = DoubleField(default=1.0)
    silent_since = BigIntegerField(null=True)
    out_until = BigIntegerField(null=True)
    out_reason = TextField(default="")
    events = SmallIntegerField(null=True)
    hours = DoubleField(null=True)
    tier = SmallIntegerField(default=0)
