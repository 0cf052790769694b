"""Whose an account is: one device, or the members of a virtual DER, such as the devices of a household; and
the account of an owner."""
from __future__ import annotations

from collections.abc import Iterable

from server.devices import enrolment
from server.errors import BadArgument, Refused
from server.grid.groups import assignments, virtualders
from server.models import NOBODY, Device, Document, VirtualDER, among, vder_of_audience
from server.resources import documents, store
from server.units import Href


def audience(device: str | None, vder: str | None, argument: str = "device") -> str:
    """Return who sees what belongs to this device or virtual DER. Refused (400) unless exactly one is named,
    (404) where there is none of that name."""
    if bool(device) == bool(vder):
        raise BadArgument(argument, "name either a device or a virtual DER")
    if device:
        return str(enrolment.find(device).lfdi)
    assert vder is not None
    return assignments.audience(virtualders.find(vder))


def find(name: str) -> str:
    """Return the audience of the device of this name, LFDI, SFDI or number, else of the virtual DER
    `vder:NAME`. Refused (404) where there is none."""
    prefix, colon, vder = name.partition(":")
    if colon and prefix == "vder":
        return audience(None, vder)
    return audience(name, None)


def find_account(list_href: Href, name: str, words: str, remedy: str) -> Document:
    """Return the account in a list that has this href, or the only one of a device or `vder:NAME`.

    `words` name such an account in messages, and `remedy` says how to get one. Refused (404) where there is
    none, (409) where there are several.
    """
    if name.startswith("/"):
        document = store.get(name)
        if document is None or document.parent != list_href:
            raise Refused(404, f"there is no {words} {name}")
        return document
    own = documents.own(list_href, find(name))
    if not own:
        raise Refused(404, f"{name} has no {words}; {remedy}")
    if len(own) > 1:
        hrefs = ", ".join(account.href for account in own)
        raise Refused(409, f"{name} has {len(own)} {words}s; name one by its href: {hrefs}")
    return own[0]


def names(audiences: Iterable[str]) -> dict[str, str]:
    """Return how people call the owners with these audiences: the device's name or LFDI, `vder:NAME`, or ""
    for nobody."""
    chosen = set(audiences)
    lfdis = {device.lfdi: device.name or device.lfdi
             for device in among(Device.select(), Device.lfdi, chosen)}
    numbers = {vder_of_audience(audience): audience for audience in chosen if vder_of_audience(audience)}
    groups = {numbers[vder.id]: f"vder:{vder.name}"
              for vder in among(VirtualDER.select(), VirtualDER.id, numbers)}
    return {audience: "" if audience == NOBODY else lfdis.get(audience) or groups.get(audience, audience)
            for audience in chosen}
