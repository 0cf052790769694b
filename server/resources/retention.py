"""What is old is removed: events that are over, the Responses to them, readings."""
from __future__ import annotations

from server.resources import documents, meterreadings, sql, store
from server.units import Instant


def remove_events_before(instant: Instant) -> int:
    """Remove events that ended before an instant, and Responses received before it; return how many.

    What was kept of their members that were erased goes with them.

    No list has them any more, so no list has to be rendered again.
    """
    with store.transaction():
        removed: int = sql.execute(
            f"DELETE FROM document WHERE NOT ({documents.LISTED}) AND until < ? AND {documents.EVENT}",
            instant,
        ).rowcount
        sql.execute(
            "DELETE FROM document WHERE href IN (SELECT href FROM response_record WHERE received_at < ?)",
            instant,
        )
        responses: int = sql.execute("DELETE FROM response_record WHERE received_at < ?", instant).rowcount
        erased: int = sql.execute("DELETE FROM erased_member WHERE ended_at < ?", instant).rowcount
        return removed + responses + erased


def remove_readings_before(instant: Instant) -> int:
    """Remove sets of readings that ended before an instant; return how many sets.

    The MeterReadings say how many sets they have, so they are rendered again.
    """
    with store.transaction():
        meters = meterreadings.remove_before(instant)
        store.touch(*sorted({*meters}))
        return len(meters)
