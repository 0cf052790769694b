"""What clients of the procedures do: walk from link to link, answer, subscribe, be told."""
from __future__ import annotations

from typing import Any

from server import clock
from server.grid.groups import virtualders
from server.notifications import service
from server.resources import refresh
from tests import peers
from tests.peers import Peer, Reply
from tests.server.notifications.receiver import Receiver

SCHEDULED, ACTIVE, CANCELLED, CANCELLED_RANDOMIZED, SUPERSEDED = range(5)
Data = dict[str, Any]


def items(client: Peer, href: str, query: str = "l=255") -> list[Data]:
    """Return the items of a list; its counts have to agree with them."""
    reply = client.get(f"{href}?{query}")
    assert reply.status == 200, (href, reply.status)
    found = next((value for value in reply.data.values() if isinstance(value, list)), [])
    assert reply.data["results"] == len(found) <= reply.data["all"], href
    return found


def linked(client: Peer, data: Data, *names: str) -> list[Data]:
    """Return the items of the list that a document links to; with several names the items of the lists that
    those link to. A link's `all` has to agree with its list."""
    found = [data]
    for name in names:
        links = [item[f"{name}Link"] for item in found]
        for link in links:
            assert client.get(link["href"]).data["all"] == link["all"], link
        found = [item for link in links for item in items(client, link["href"])]
    return found


def end_device(client: Peer, name: str) -> Data:
    """Return the EndDevice of this name in the client's list, found by its LFDI."""
    listed = items(client, client.get("/dcap").data["EndDeviceListLink"]["href"])
    lfdi = peers.lfdi({"EDA1": 2, "EDA2": 3, "EDB1": 4, "EDB2": 5}.get(name, 1))
    return next(item for item in listed if item["lFDI"] == lfdi)


def programs(client: Peer, name: str) -> list[str]:
    """Return the descriptions of a device's programs, in the order of its assignments and their lists."""
    found = linked(client, end_device(client, name), "FunctionSetAssignmentsList", "DERProgramList")
    return [program["description"] for program in found]


def controls(client: Peer, vder: str) -> list[Data]:
    """Return the DERControls of a virtual DER's program."""
    return items(client, f"{virtualders.find(vder).program}/derc")


def active(client: Peer, vder: str) -> list[str]:
    """Return the hrefs of the active DERControls of a virtual DER's program."""
    return [control["href"] for control in items(client, f"{virtualders.find(vder).program}/actderc")]


def default(client: Peer, vder: str) -> Data:
    """Return the DERControlBase of a program's DefaultDERControl."""
    link = client.get(virtualders.find(vder).program).data["DefaultDERControlLink"]
    return client.get(link["href"]).data["DERControlBase"]


def status(client: Peer, href: str) -> tuple[int, int]:
    """Return the currentStatus of an event, and since when."""
    event_status = client.get(href).data["EventStatus"]
    return event_status["currentStatus"], event_status["dateTime"]


def answer(client: Peer, event: Data, *statuses: int, lfdi: str = "") -> None:
    """Answer an event with these statuses, where it says; each is created."""
    for response_status in statuses:
        reply = client.post(event["replyTo"], "DERControlResponse", {
            "createdDateTime": clock.now(), "endDeviceLFDI": lfdi or client.lfdi, "status": response_status,
            "subject": event["mRID"]})
        assert (reply.status, client.get(reply.location).data["status"]) == (201, response_status)


def answers(client: Peer, event: Data) -> dict[str, list[int]]:
    """Return the statuses that the server keeps of an event, by the LFDI, ascending."""
    kept: dict[str, list[int]] = {}
    for response in items(client, event["replyTo"]):
        if response["subject"] == event["mRID"]:
            kept.setdefault(response["endDeviceLFDI"], []).append(response["status"])
    return {lfdi: sorted(statuses) for lfdi, statuses in kept.items()}


class Subscriber:
    """A client that subscribes below its own EndDevice, and what it is told."""

    def __init__(self, client: Peer, receiver: Receiver, own: str = "/edev/1"):
        self.client, self.receiver, self.own = client, receiver, own

    def post(self, resource: str, limit: int = 255) -> Reply:
        return self.client.post(f"{self.own}/sub", "Subscription", {
            "subscribedResource": resource, "encoding": 0, "level": "+S1", "limit": limit,
            "notificationURI": self.receiver.uri()})

    def subscribe(self, *resources: str, limit: int = 255) -> list[str]:
        """Subscribe to each resource, which says that this is possible; return the subscriptions' hrefs."""
        hrefs = []
        for resource in resources:
            assert self.client.get(resource).data["subscribable"] == 1, resource
            reply = self.post(resource, limit)
            assert (reply.status, self.client.get(reply.location).status) == (201, 200), resource
            hrefs.append(reply.location)
        return hrefs

    def told(self) -> list[tuple[str, int]]:
        """Deliver what is due; return the resource and status of each notification, ascending."""
        self.receiver.received.clear()
        refresh.forget()
        refresh.run()
        service.deliver_due()
        return sorted((notice.data["subscribedResource"], notice.data["status"])
                      for notice in self.receiver.received)

    def notice(self, resource: str) -> Data:
        """Return the notification of a resource among those of `told`."""
        found, = (notice.data for notice in self.receiver.received
                  if notice.data["subscribedResource"] == resource)
        return found

    def shows(self, resource: str) -> bool:
        """Return whether the notification of a resource has what a GET by its href returns."""
        told = self.notice(resource)["Resource"]
        listed = "all" in told
        got = self.client.get(f"{resource}?l={told['results']}" if listed else resource).data
        return all(told[key] == got[key] for key in told if key not in ("xsi:type", "href", "pollRate"))
