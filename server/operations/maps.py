"""`map` and `feeder`: where devices are, and the lines of the network between them."""
from __future__ import annotations

from typing import Annotated

from server.errors import BadArgument
from server.grid.fleet import feeders
from server.grid.fleet.feeders import FeederImport, FeederRow, RemovedFeeder
from server.grid.fleet.fleetmap import MapView, view
from server.operations.declaration import Arg, Group, Role, UploadedFile

map_group = Group("map")
feeder = Group("feeder", "Lines and points of the network, which the map shows.", default="list")
GROUPS = (map_group, feeder)
_SIDES = ("west", "south", "east", "north")


def _side(side: str, most: float) -> Arg:
    return Arg(f"The {side} side of what is shown, in degrees; with all four.", least=-most, most=most)


@map_group.operation("", role=Role.VIEWER, in_subtree=True)
def show(
    *,
    west: Annotated[float | None, _side("west", 180)] = None,
    south: Annotated[float | None, _side("south", 90)] = None,
    east: Annotated[float | None, _side("east", 180)] = None,
    north: Annotated[float | None, _side("north", 90)] = None,
    vder: Annotated[str | None, Arg("Only members of this virtual DER.", metavar="VDER")] = None,
    cluster: Annotated[bool | None, Arg(
        "Count devices that are near each other, in place of each one.")] = None,
) -> MapView:
    """Show devices by their coordinates, the labels lat and lon, with state, power and whether an event is in
    effect; beyond 2000 of them, how many are near each other."""
    sides = dict(zip(_SIDES, (west, south, east, north), strict=True))
    missing = [name for name, value in sides.items() if value is None]
    if missing and len(missing) < len(sides):
        raise BadArgument(missing[0], "give all four sides, or none for everything")
    box = None if west is None or south is None or east is None or north is None else (
        west, south, east, north)
    return view(box, cluster, vder)


@feeder.operation("list", role=Role.VIEWER)
def list_feeders() -> list[FeederRow]:
    """List the lines and points that were imported."""
    return feeders.rows()


@feeder.operation("import", role=Role.OPERATOR)
def load(
    file: Annotated[UploadedFile, Arg(metavar="GEOJSON")],
    *,
    only: Annotated[bool, Arg("Remove all others.")] = False,
) -> FeederImport:
    """Add the features of a GeoJSON file: points, lines and outlines, each with a name in its properties.
    Features of one name are one; it replaces what has that name."""
    return feeders.load(file.text(), file.name, only)


@feeder.operation("remove", role=Role.OPERATOR, confirm="Remove {name} from the map?")
def remove(name: Annotated[str, Arg("Its name.", metavar="FEEDER")]) -> RemovedFeeder:
    """Remove a line or point from the map."""
    return feeders.remove(name)
