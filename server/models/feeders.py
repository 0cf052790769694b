"""The table of what is drawn of the network: feeders and other lines and points by their coordinates."""
from __future__ import annotations

from peewee import AutoField, BigIntegerField, DoubleField, TextField

from server.models.base import JSON, Table


class FeederLine(Table):
    """A line or point of the network that the map shows, by its name.

    `geometry` is a list of parts, each a list of [longitude, latitude] in degrees (WGS 84), `points` how many
    these are; a part of one point is drawn as such. `west` to `north` are their bounds.
    """
    id = AutoField()
    name = TextField(unique=True)
    geometry = JSON()
    points = BigIntegerField()
    west = DoubleField()
    south = DoubleField()
    east = DoubleField()
    north = DoubleField()

    class Meta:
        table_name = "feeder"
