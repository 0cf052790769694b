"""The view of the demonstration: live in a terminal, else a line for every quarter of an hour."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from clients.simulation.scenario import SPIKE_PRICE, STEPS
from server import clock
from server.cli.demo.feeder import ALL_KINDS, KINDS, Feeder, Feeders, rms
from server.cli.demo.setup import STREET
from server.cli.tables import iso
from server.functionsets.response import STATUSES_2023
from server.grid.reports import callsettlement
from server.grid.series.intervals import STEP
from server.models import Balance, Device, DispatchOrder, ResponseRecord

BARS = " ▁▂▃▄▅▆▇█"
SHORT, LEFT, OURS = "red", "blue", "green"
LATEST = 6
# The text of an order by its quantity; the value is in % (of rating, of comfort, of the time) or W of
# injection.
QUANTITIES = {
    "percent": "at {:+.1f} %",
    "limit": "at most {:.0f} %",
    "offset": "{:+.0f} % of comfort",
    "duty": "{:+.0f} % of comfort",
}


def line(feeders: Feeders) -> str:
    """One line about the interval that has just ended."""
    feeder, street = feeders.town, feeders.street
    at = feeder.start + feeders.intervals * STEP
    charge = f"{sum(feeder.soc) / len(feeder.soc):.0%}" if feeder.soc else "-"
    moved = "  ".join(f"{name} {kilo(feeder.moved_w[kind][-1])}" for kind, name in KINDS.items())
    return (
        f"{iso(at)[11:16]}  imbalance {kilo(feeder.uncontrolled_w[-1])} -> "
        f"{kilo(feeder.controlled_w[-1])} kW   {moved}   "
        f"charge {charge}   RMS cut {(feeder.cut or 0):.0%}   street at {_price(street):.2f}: "
        f"{kilo(street.uncontrolled_w[-1])} -> {kilo(street.controlled_w[-1])} kW"
    )


def _price(street: Feeder) -> float:
    """The price of the last interval."""
    return (street.scenario.prices or [0.0])[max(len(street.controlled_w) - 1, 0)]


def summary(feeders: Feeders) -> str:
    """What the day was: the imbalance of the neighbourhood; of the street the bill, who was called, and what
    was moved at the highest price."""
    town, street = feeders.town, feeders.street
    rows = callsettlement.calls(STREET, feeders.scenario.start, clock.now())
    due = sum(row["due"] or 0.0 for row in rows)
    without, cost = street.bill(street.uncontrolled_w), street.bill(street.controlled_w)
    moved = "  ".join(f"{name} {street.moved_at_spike_kwh(kind):+.1f}" for kind, name in ALL_KINDS.items())
    curtailed_kwh = sum(street.moved_w["inverter"]) * STEP / 3.6e6
    return "\n".join([
        "",
        f"RMS imbalance {kilo(rms(town.uncontrolled_w))} kW without Counterpoise,"
        f"{kilo(rms(town.controlled_w))} kW with it: {town.cut or 0:.0%} less",
        f"Bill of the street {without:8.2f} without, {cost:8.2f} with it and {due:.2f} for calls: "
        f"{1 - (cost + due) / without if without else 0:.0%} less",
        f"At the price of {SPIKE_PRICE:.2f} it drew, kWh: {moved}",
        *(f"Called: {row['device']}, {row['block']}, {iso(row['start'])[11:16]} to {iso(row['end'])[11:16]}, "
          f"{row['called_w'] / 1000:.1f} kW; delivered {_kilowatts(row['delivered_w'])}, "
          f"due {_money(row['due'])}" for row in rows),
        f"Export at most {max(0.0, -min(street.controlled_w, default=0.0)) / 1000:.1f} kW, "
        f"limit {street.scenario.export_limit_w / 1000:.1f} kW; solar curtailed {curtailed_kwh:.1f} kWh",
    ])


def _kilowatts(power_w: float | None) -> str:
    return "not read" if power_w is None else f"{power_w / 1000:.1f} kW"


def _money(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:.2f}"


def kilo(watts: float) -> str:
    """W as kW, signed, in a fixed width."""
    return f"{watts / 1000:+7.1f}"


def screen(feeders: Feeders) -> Group:
    """The whole view."""
    now, feeder = clock.now(), feeders.town
    done = feeders.intervals / STEPS
    head = Text.assemble(
        (" Counterpoise ", "reverse bold"),
        f"  {iso(now)[:16].replace('T', ' ')} UTC   ",
        f"{feeders.scenario.homes} homes, {feeders.scenario.devices} devices over mutual TLS   ",
        f"{done:.0%} of the day",
    )
    return Group(
        head,
        _imbalance(feeder),
        _side_by_side(_kinds(feeder), _devices(now)),
        _street(feeders.street),
        _side_by_side(_orders(now), _responses(now)),
        _last_errors(),
    )


def _imbalance(feeder: Feeder) -> Panel:
    most = max(map(abs, feeder.uncontrolled_w), default=1.0) or 1.0
    table = Table.grid(padding=(0, 1))
    for name, values in (("without", feeder.uncontrolled_w), ("with", feeder.controlled_w)):
        table.add_row(Text(name, "bold"), bars(values, most), Text(f"RMS {rms(values) / 1000:6.1f} kW"))
    cut = f"   RMS cut {feeder.cut:.0%}" if feeder.cut is not None else ""
    return Panel(
        table,
        title=f"Imbalance, kW: [{SHORT}]too much drawn[/], [{LEFT}]too little[/]{cut}",
        title_align="left",
        subtitle=f"up to {most / 1000:.0f} kW; midnight to midnight UTC",
        subtitle_align="right",
    )


def _street(street: Feeder) -> Panel:
    """The street that follows prices: what it draws, and what businesses and homes do about it."""
    most = max(map(abs, [*street.uncontrolled_w, *street.controlled_w]), default=1.0) or 1.0
    table = Table.grid(padding=(0, 1))
    for name, values in (("without", street.uncontrolled_w), ("with", street.controlled_w)):
        table.add_row(Text(name, "bold"), bars(values, most), Text(f"bill {street.bill(values):8.2f}"))
    moved = "  ".join(f"{name} {kilo(street.moved_w[kind][-1])}"
                      for kind, name in ALL_KINDS.items() if street.moved_w[kind])
    return Panel(table, title=f"The street, at {_price(street):.2f} per kWh", title_align="left",
                 subtitle=moved, subtitle_align="left")


def bars(values: Sequence[float], most: float) -> Text:
    """A day as a bar for each interval; a dot for each that is still to come."""
    text = Text()
    for value in values[:STEPS]:
        height = min(len(BARS) - 1, round(abs(value) / most * (len(BARS) - 1)))
        text.append(BARS[height], SHORT if value > 0 else LEFT)
    return text.append("·" * (STEPS - len(text)), "dim")


def _side_by_side(left: Panel, right: Panel) -> Table:
    table = Table.grid(expand=True)
    table.add_column(ratio=3)
    table.add_column(ratio=2)
    table.add_row(left, right)
    return table


def _kinds(feeder: Feeder) -> Panel:
    table = Table.grid(padding=(0, 2))
    most = max((abs(value) for values in feeder.moved_w.values() for value in values), default=1.0) or 1.0
    for kind, name in KINDS.items():
        values = feeder.moved_w[kind]
        if values:
            length = round(abs(values[-1]) / most * 20)
            table.add_row(name, Text(kilo(values[-1])), Text("█" * length, SHORT if values[-1] > 0 else OURS))
    if feeder.soc:
        low, mean, high = min(feeder.soc), sum(feeder.soc) / len(feeder.soc), max(feeder.soc)
        table.add_row(
            "charge",
            f"{mean:6.0%}",
            Text(
                "".join(
                    "█" if step < mean * 20 else "▒" if low * 20 <= step < high * 20 else "·"
                    for step in range(20)
                ),
                OURS,
            ),
        )
    return Panel(
        table, title="Moved by Counterpoise, kW (+ draws more), and state of charge", title_align="left"
    )


def _devices(now: int) -> Panel:
    count = Device.select().where(Device.last_contact_at > now - STEP).count()
    return Panel(
        f"{count} devices were in contact in the last quarter of an hour",
        title="Connected",
        title_align="left",
    )


def _state(row: DispatchOrder, now: int) -> str:
    if row.cancelled_at is not None:
        return "cancelled"
    return "scheduled" if now < row.start else "active" if now < row.start + row.duration_s else "completed"


def _orders(now: int) -> Panel:
    table = Table.grid(padding=(0, 2))
    for row in DispatchOrder.select().order_by(DispatchOrder.id.desc()).limit(LATEST):
        table.add_row(iso(row.start)[11:16], Text(row.vder.name), _quantity(row), _state(row, now))
    return Panel(table, title="Latest events", title_align="left")


def _quantity(row: DispatchOrder) -> str:
    if row.quantity in QUANTITIES:
        return QUANTITIES[row.quantity].format(row.value)
    return f"{row.value / 1000:+.1f} kW"


def _responses(now: int) -> Panel:
    counts = Counter(
        STATUSES_2023.get(row.status or 0, str(row.status))
        for row in ResponseRecord.select(ResponseRecord.status).where(ResponseRecord.created_at > now - STEP)
    )
    table = Table.grid(padding=(0, 2))
    for name, count in counts.most_common(LATEST):
        table.add_row(name, str(count))
    return Panel(table, title="Responses of this quarter of an hour", title_align="left")


def _last_errors() -> Text:
    errors = [row.last_error for row in Balance.select() if row.last_error]
    return Text("; ".join(errors) if errors else "Ctrl-C stops everything", "yellow" if errors else "dim")


def farewell(certs: Path, port: int, database: Path) -> str:
    """Commands to try from another terminal."""
    return f"""
Try it from another terminal:

  export COUNTERPOISE_DATABASE=sqlite:///{database}
  .venv/bin/counterpoise vder list
  .venv/bin/counterpoise plan list
  .venv/bin/counterpoise ev sessions
  .venv/bin/counterpoise responses
  .venv/bin/counterpoise contract blocks
  .venv/bin/counterpoise report calls {STREET}

  curl --cacert {certs}/ca.pem --cert {certs}/device-1.pem --key {certs}/device-1.key \\
       https://localhost:{port}/dcap
"""
