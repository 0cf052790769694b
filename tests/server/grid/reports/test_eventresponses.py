"""How devices responded to an event, and how late."""
from server.config import settings
from server.grid.reports import performance
from tests.conftest import NOON
from tests.server.grid.reports.conftest import respond


def test_an_answer_after_two_polls_is_none(street, evening):
    respond(evening, 3, 1, NOON - 900 + 2 * settings.poll_rate + 1)
    assert performance.event_performance(evening.id)["devices"][2]["nonresponse"] == "no answer"


def test_responses_by_code_and_delay(evening):
    result = performance.event_performance(evening.id)["responses"]
    assert [(code.split()[0], count) for code, count in result["by_status"].items()] == [
        ("1", 2),
        ("2", 2),
        ("3", 1),
    ]
    assert result["delays"]["received"] == {"count": 2, "p50_s": 180.0, "p90_s": 276.0, "max_s": 300}
    assert result["received_s"] == [60, 300]
