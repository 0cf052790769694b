"""Which pages the console has, in the order of the navigation."""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from server import operations
from server.operations.declaration import Operation
from server.operators.roles import Role

ROOT = "/console"


class ConsolePage(NamedTuple):
    """A page: its key, which is the name of its module; its path after ROOT; who may see it; the groups of
    operations that it is about; what to do where it has nothing to show yet."""
    key: str
    path: str
    title: str
    role: Role
    groups: tuple[str, ...]
    teaches: str

    @property
    def href(self) -> str:
        return ROOT + self.path

    def operations(self) -> Iterator[Operation]:
        """Yield the operations that the page is about."""
        for group in self.groups:
            yield from operations.load(group).walk()


PAGES = (
    ConsolePage("now", "/now", "Now", Role.VIEWER, (),
                "No area is kept in balance yet: make a virtual DER, then put a signal for it."),
    ConsolePage("virtualders", "/virtual-ders", "Virtual DERs", Role.VIEWER, ("vder",),
                "No virtual DER yet: make one, and say by its rule which devices are in it."),
    ConsolePage("gridmap", "/map", "Map", Role.VIEWER, ("map", "feeder"),
                "No device has coordinates yet: give devices the labels lat and lon."),
    ConsolePage("devices", "/devices", "Devices", Role.VIEWER,
                ("device", "enrol", "trace", "preview", "readings", "opt-out", "contract", "mirror"),
                "No device is enrolled yet: enrol one, or many from a file."),
    ConsolePage("dispatch", "/dispatch", "Dispatch", Role.VIEWER, ("dispatch", "stop", "resume"),
                "Nothing was ordered yet: say what you need of which virtual DER, and try it first."),
    ConsolePage("plans", "/plans", "Plans and signals", Role.VIEWER,
                ("signal", "forecast", "history", "envelope", "plan", "approval"),
                "No signal yet: put one for an area, then run a plan."),
    ConsolePage("events", "/events", "Events", Role.VIEWER,
                ("control", "dr", "message", "tariff", "responses"),
                "No event yet: dispatch a virtual DER, or post a control."),
    ConsolePage("ev", "/ev", "EV sessions", Role.VIEWER, ("ev",),
                "No vehicle is connected: sessions appear here when chargers report them."),
    ConsolePage("reports", "/reports", "Reports", Role.VIEWER, ("report", "baseline"),
                "Choose a report; it needs readings of the time that it is about."),
    ConsolePage("certificates", "/certificates", "Certificates", Role.VIEWER, ("certificate",),
                "Certificates of devices are looked at here."),
    ConsolePage("alarms", "/alarms", "Alarms", Role.VIEWER, ("alarm", "webhook"),
                "No alarm stands: all is well."),
    ConsolePage("audit", "/audit", "Audit", Role.VIEWER, ("audit",), "Nothing was changed yet."),
    ConsolePage("users", "/users", "Users and tokens", Role.ADMINISTRATOR, ("user", "token"),
                "No users yet: make the first on the server's machine with counterpoise user create."),
    ConsolePage("settings", "/settings", "Settings", Role.VIEWER,
                ("setting", "clock", "file", "bill", "prepay", "resource", "subscription",
                 "poll-rate", "post-rate", "reindex"),
                "Nothing is set apart from what is there at first."),
)
"""Every page; each operation belongs to one of them, by its group."""
BY_KEY = {page.key: page for page in PAGES}
