"""The set-ups of the procedures: seven levels of topology, for a direct client and for an aggregator."""
from __future__ import annotations

from server.devices import enrolment
from server.devices.enrolment import Entry
from server.grid.groups import virtualders
from tests import peers

PIN = 111115  # of each device and of the aggregator
# System, sub-transmission, substation, feeder, segment, transformer, service point: their primacies.
LEVELS = {"SY": 10, "ST": 9, "SS": 8, "FD": 7, "SG": 6, "TF": 5, "SP": 4}
# The levels above an aggregator's devices; from the feeders on there are two branches, A and B.
BRANCHES = {"FDA": "SS", "SGA": "FDA", "TFA": "SGA", "SPA1": "TFA", "SPA2": "TFA",
            "FDB": "SS", "SGB": "FDB", "TFB": "SGB", "SPB1": "TFB", "SPB2": "TFB"}
# The aggregator's devices: the number of each, and its service point.
AGGREGATOR = 1
DEVICES = {"EDA1": (2, "SPA1"), "EDA2": (3, "SPA2"), "EDB1": (4, "SPB1"), "EDB2": (5, "SPB2")}
ABOVE = {"EDA": ["TFA", "SGA", "FDA", "SS", "ST", "SY"], "EDB": ["TFB", "SGB", "FDB", "SS", "ST", "SY"]}


def direct() -> None:
    """A client of its own, "ED", at the service point of a path of seven levels; its program is /derp/7."""
    enrolment.enrol(peers.lfdi(1), pin=PIN, name="ED", kind="inverter")
    branch([*LEVELS], "ED")


def branch(names: list[str], *members: str, below: str | None = None) -> None:
    """Create virtual DERs, each below the one before it, with the primacies of their levels; the last one has
    these members."""
    for above, name in zip([below, *names], names, strict=False):
        virtualders.create(name, parent=above, primacy=LEVELS[name[:2]],
                           members=members if name == names[-1] else ())


def aggregated() -> None:
    """An aggregator with four devices, two in each of two branches below the substation."""
    aggregator = peers.lfdi(AGGREGATOR)
    enrolment.enrol_all([
        Entry(aggregator, PIN, "aggregator", enrolment.AGGREGATOR),
        *(Entry(peers.lfdi(number), PIN, name, "inverter", manager=aggregator)
          for name, (number, _) in DEVICES.items())])
    branch(["SY", "ST", "SS"])
    at = {point: name for name, (_, point) in DEVICES.items()}
    for name, above in BRANCHES.items():
        branch([name], *[at[name]] if name in at else [], below=above)


def program(name: str) -> str:
    """Return the href of the DERProgram of a virtual DER."""
    return virtualders.find(name).program
