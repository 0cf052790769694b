"""What is over and old is forgotten: events, what was answered to them, readings."""
from __future__ import annotations

from server.resources import documents, meterreadings, sql, store


def forget_events(instant: int) -> int:
    """Remove events that were over before an instant, and what was answered before it; how many. Nothing
    lists them any more, so no list has to be said again."""
    with store.transaction():
        gone = sql.execute(
            f"DELETE FROM document WHERE NOT ({documents.LISTED}) AND until < ? AND {documents.EVENT}",
            instant,
        ).rowcount
        sql.execute(
            "DELETE FROM document WHERE href IN (SELECT href FROM response_record WHERE received_at < ?)",
            instant,
        )
        return gone + sql.execute("DELETE FROM response_record WHERE received_at < ?", instant).rowcount


def forget_readings(instant: int) -> int:
    """Remove what was read before an instant; how many sets."""
    return meterreadings.forget_before(instant)
