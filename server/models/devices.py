"""Tables of enrolled devices, and of the audiences that they belong to."""
from __future__ import annotations

from peewee import SQL, BigIntegerField, CompositeKey, TextField

from server.models.base import JSON, Table
from server.models.pages import Sort


class Device(Table):
    """An enrolled EndDevice.

    `lfdi` is its identity; devices may share an `sfdi`, which has 36 bits of it. `id` is the number in its
    href, `manager` the LFDI of the aggregator that acts for it, "" without one. `profile` is its own
    (resources.variants), "" for that of the server. `certificate_ends_at` is when its certificate ends,
    as it has shown it (at most the year 9999), NULL where it has shown none.
    """
    ENROLLED, SUSPENDED = "enrolled", "suspended"
    id = BigIntegerField(primary_key=True)
    lfdi = TextField(unique=True)
    sfdi = BigIntegerField(index=True)
    name = TextField(default="", index=True)
    kind = TextField(default="")
    labels = JSON(default=dict)
    state = TextField(default=ENROLLED)
    manager = TextField(default="", index=True)
    profile = TextField(default="")
    enrolled_at = BigIntegerField()
    last_contact_at = BigIntegerField(null=True)
    certificate_ends_at = BigIntegerField(null=True)


Device.add_index(Device.profile, where=SQL("profile <> ''"))  # profiles.of
Device.add_index(Device.certificate_ends_at, where=SQL("certificate_ends_at IS NOT NULL"))

DEVICE_SORTS = {name: Sort(getattr(Device, name)) for name in (
    "id", "name", "kind", "lfdi", "sfdi", "state", "manager", "profile")} | {
    "last_contact_at": Sort(Device.last_contact_at, -1)}
_VDER = "vder:"


def vder_audience(number: int) -> str:
    """Return the audience of what a virtual DER publishes."""
    return f"{_VDER}{number}"


def vder_of_audience(audience: str) -> int:
    """Return the number of the virtual DER whose audience this is; 0 for any other audience."""
    return int(audience.removeprefix(_VDER)) if audience.startswith(_VDER) else 0


class Audience(Table):
    """A caller (its LFDI) and an audience that it belongs to. It sees the documents of its audiences."""
    lfdi = TextField()
    audience = TextField(index=True)

    class Meta:
        primary_key = CompositeKey("lfdi", "audience")
