"""What is seen of the demonstration: a live view in a terminal; elsewhere a line for every quarter of an
hour."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from clients.simulation.scenario import STEPS
from server import clock
from server.cli.demo.feeder import KINDS, Feeder, rms
from server.cli.tables import iso
from server.grid.series.intervals import STEP
from server.models import Balance, Device, DispatchOrder, ResponseRecord

BARS = " ▁▂▃▄▅▆▇█"
SHORT, LEFT, OURS = "red", "blue", "green"
LATEST = 6
# An order in words, by what it wishes for: its value is % (of rating, of comfort, of the time) or W of
# injection.
WISHES = {
    "percent": "at {:+.1f} %",
    "limit": "at most {:.0f} %",
    "offset": "{:+.0f} % of comfort",
    "duty": "{:+.0f} % of comfort",
}
RESPONSES = {
    1: "received",
    2: "started",
    3: "completed",
    4: "opted out",
    5: "opted in",
    6: "cancelled",
    7: "superseded",
    8: "in part",
    9: "in part",
    10: "not taken part",
    252: "not applicable",
    253: "invalid",
    254: "too late",
}


def line(feeder: Feeder) -> str:
    """The interval that has just ended, in a line."""
    at = feeder.place.start + len(feeder.without) * STEP
    charge = f"{sum(feeder.charge) / len(feeder.charge):.0%}" if feeder.charge else "-"
    moved = "  ".join(f"{name} {kilo(feeder.moved[kind][-1])}" for kind, name in KINDS.items())
    return (
        f"{iso(at)[11:16]}  imbalance {kilo(feeder.without[-1])} -> {kilo(feeder.with_us[-1])} kW   {moved} "
        "  "
        f"charge {charge}   RMS cut {(feeder.cut or 0):.0%}"
    )


def kilo(watts: float) -> str:
    """W as kW, signed, in a width of its own."""
    return f"{watts / 1000:+7.1f}"


def screen(feeder: Feeder) -> Group:
    """All at a glance."""
    now = clock.now()
    done = len(feeder.without) / STEPS
    head = Text.assemble(
        (" Counterpoise ", "reverse bold"),
        f"  {iso(now)[:16].replace('T', ' ')} UTC   ",
        f"{feeder.place.homes} homes, {feeder.place.devices} devices over mutual TLS   {done:.0%} of the day",
    )
    return Group(
        head,
        _imbalance(feeder),
        _side(_kinds(feeder), _devices(now)),
        _side(_orders(now), _answers(now)),
        _trouble(),
    )


def _imbalance(feeder: Feeder) -> Panel:
    most = max(map(abs, feeder.without), default=1.0) or 1.0
    table = Table.grid(padding=(0, 1))
    for name, values in (("without", feeder.without), ("with", feeder.with_us)):
        table.add_row(Text(name, "bold"), bars(values, most), Text(f"RMS {rms(values) / 1000:6.1f} kW"))
    cut = f"   RMS cut {feeder.cut:.0%}" if feeder.cut is not None else ""
    return Panel(
        table,
        title=f"Imbalance, kW: [{SHORT}]too much drawn[/], [{LEFT}]too little[/]{cut}",
        title_align="left",
        subtitle=f"up to {most / 1000:.0f} kW; midnight to midnight UTC",
        subtitle_align="right",
    )


def bars(values: Sequence[float], most: float) -> Text:
    """A day as a bar for each interval; what is still to come is a dot."""
    text = Text()
    for value in values[:STEPS]:
        height = min(len(BARS) - 1, round(abs(value) / most * (len(BARS) - 1)))
        text.append(BARS[height], SHORT if value > 0 else LEFT)
    return text.append("·" * (STEPS - len(text)), "dim")


def _side(left: Panel, right: Panel) -> Table:
    table = Table.grid(expand=True)
    table.add_column(ratio=3)
    table.add_column(ratio=2)
    table.add_row(left, right)
    return table


def _kinds(feeder: Feeder) -> Panel:
    table = Table.grid(padding=(0, 2))
    most = max((abs(value) for values in feeder.moved.values() for value in values), default=1.0) or 1.0
    for kind, name in KINDS.items():
        values = feeder.moved[kind]
        if values:
            length = round(abs(values[-1]) / most * 20)
            table.add_row(name, Text(kilo(values[-1])), Text("█" * length, SHORT if values[-1] > 0 else OURS))
    if feeder.charge:
        low, mean, high = min(feeder.charge), sum(feeder.charge) / len(feeder.charge), max(feeder.charge)
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
    seen = Device.select().where(Device.last_contact_at > now - STEP).count()
    return Panel(
        f"{seen} devices were here in the last quarter of an hour", title="Connected", title_align="left"
    )


def _state(row: DispatchOrder, now: int) -> str:
    if row.cancelled_at is not None:
        return "cancelled"
    return "scheduled" if now < row.start else "active" if now < row.start + row.duration_s else "completed"


def _orders(now: int) -> Panel:
    table = Table.grid(padding=(0, 2))
    for row in DispatchOrder.select().order_by(DispatchOrder.id.desc()).limit(LATEST):
        table.add_row(iso(row.start)[11:16], row.vder.name, _said(row), _state(row, now))
    return Panel(table, title="Latest events", title_align="left")


def _said(row: DispatchOrder) -> str:
    return WISHES[row.quantity].format(row.value) if row.quantity in WISHES else f"{row.value / 1000:+.1f} kW"


def _answers(now: int) -> Panel:
    said = Counter(
        RESPONSES.get(row.status or 0, str(row.status))
        for row in ResponseRecord.select(ResponseRecord.status).where(ResponseRecord.created_at > now - STEP)
    )
    table = Table.grid(padding=(0, 2))
    for name, count in said.most_common(LATEST):
        table.add_row(name, str(count))
    return Panel(table, title="Responses of this quarter of an hour", title_align="left")


def _trouble() -> Text:
    said = [row.last_error for row in Balance.select() if row.last_error]
    return Text("; ".join(said) if said else "Ctrl-C stops everything", "yellow" if said else "dim")


def farewell(certs: Path, port: int, database: Path) -> str:
    """What to try from another terminal."""
    return f"""
Try it from another terminal:

  export COUNTERPOISE_DATABASE=sqlite:///{database}
  .venv/bin/counterpoise vder list
  .venv/bin/counterpoise plan list
  .venv/bin/counterpoise ev sessions
  .venv/bin/counterpoise responses

  curl --cacert {certs}/ca.pem --cert {certs}/device-1.pem --key {certs}/device-1.key \\
       https://localhost:{port}/dcap
"""
