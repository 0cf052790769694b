"""`resource`: documents of the standard by href, for what no other operation has words for."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from server.devices import enrolment, operatordocuments
from server.devices.operatordocuments import DocumentRow, RemovedDocument, StoredDocument, WrittenDocument
from server.errors import BadArgument, Refused
from server.operations.declaration import Arg, Group, Role, UploadedFile
from server.operators import authorisation
from server.units import Href

resource = Group("resource", """
    Keep resources of the standard by href: tariffs, messages, bills, prepayment and whatever no other command
    has words for. FILE is a document in XML, or in JSON with its root element as the only key.
    """)
GROUPS = (resource,)
Resource = Annotated[Href, Arg("Its href, such as /msg/1.", metavar="HREF")]
List = Annotated[Href, Arg("The list's href, such as /msg/1/txt.", metavar="HREF")]
ForDevice = Annotated[str | None, Arg("Only this device sees it: an LFDI, SFDI, number or name.",
                                      option="for")]
ForVder = Annotated[str | None, Arg("Only members of this virtual DER see it.")]


@resource.operation("get", role=Role.VIEWER)
def get(
    href: Resource,
    *,
    as_device: Annotated[str | None, Arg(
        "As this device gets it (an LFDI, SFDI, number or name): also a list, with its query, and what is "
        "made for each device.", option="as", metavar="DEVICE")] = None,
) -> StoredDocument:
    """Show a resource as devices get it."""
    if as_device is not None:
        document = operatordocuments.read_as(href, enrolment.find(as_device))
    else:
        document = operatordocuments.read(href)
    if document["kind"] == "Registration" and not authorisation.sees_pins():
        raise Refused(403, f"{href} has the PIN of a device, which is for administrators")
    return document


@resource.operation("list", role=Role.VIEWER)
def list_items(
    href: List, *, ended: Annotated[bool, Arg("Also events that have ended.")] = False
) -> Iterator[DocumentRow]:
    """List the items of a list, in its order."""
    return operatordocuments.items(href, ended)


@resource.operation("post", role=Role.OPERATOR)
def post(
    href: List, file: UploadedFile, *, device: ForDevice = None, for_vder: ForVder = None
) -> WrittenDocument:
    """Add an item to a list."""
    document = operatordocuments.parse(file.name, file.content)
    return operatordocuments.post(href, document, _audience(device, for_vder))


@resource.operation("put", role=Role.OPERATOR)
def put(
    href: Resource, file: UploadedFile, *, device: ForDevice = None, for_vder: ForVder = None
) -> WrittenDocument:
    """Write a resource, in place of the one that is there."""
    document = operatordocuments.parse(file.name, file.content)
    return operatordocuments.put(href, document, _audience(device, for_vder))


@resource.operation("delete", role=Role.OPERATOR, confirm="Remove {href} and all below it?")
def delete(href: Resource) -> RemovedDocument:
    """Remove a resource and all below it."""
    return operatordocuments.delete(href)


def _audience(device: str | None, vder: str | None) -> str | None:
    """The audience of a device or a virtual DER; None where neither is named. Refused (400) for both."""
    if device is not None and vder is not None:
        raise BadArgument("for_vder", "specify a device or a virtual DER, not both")
    if device is not None:
        return enrolment.find(device).lfdi
    if vder is None:
        return None
    from server.grid.groups import assignments, virtualders  # which load much else
    return assignments.audience(virtualders.find(vder))
