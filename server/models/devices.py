"""Who is enrolled, and who may see what."""
from __future__ import annotations

from peewee import BigIntegerField, CompositeKey, TextField

from server.models.base import JSON, Table


class Device(Table):
    """An enrolled EndDevice. `id` is its number in /edev; `manager` the LFDI of the aggregator that acts for
    it."""
    ENROLLED, SUSPENDED = "enrolled", "suspended"
    id = BigIntegerField(primary_key=True)
    lfdi = TextField(unique=True)
    sfdi = BigIntegerField(unique=True)
    name = TextField(default="")
    kind = TextField(default="")
    labels = JSON(default=dict)
    state = TextField(default=ENROLLED)
    manager = TextField(default="", index=True)
    enrolled_at = BigIntegerField()
    last_contact_at = BigIntegerField(null=True)


_VDER = "vder:"


def vder_audience(number: int) -> str:
    """Return the audience of what a virtual DER publishes."""
    return f"{_VDER}{number}"


def vder_of_audience(audience: str) -> int:
    """Return the number of the virtual DER whose audience this is; 0 for any other audience."""
    return int(audience.removeprefix(_VDER)) if audience.startswith(_VDER) else 0


class Audience(Table):
    """Who may see what: a caller's LFDI, and an audience it belongs to."""
    lfdi = TextField()
    audience = TextField(index=True)

    class Meta:
        primary_key = CompositeKey("lfdi", "audience")
