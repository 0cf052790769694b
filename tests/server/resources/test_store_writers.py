"""Many writers at once, in threads and in processes, on both databases."""
from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from typing import Any

import pytest

from server import clock, functionsets, models
from server.models import db
from server.resources import store
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
WRITERS, EACH = 4, 10


def write(number: int) -> list[str]:
    """Controls into a list that all share, and one's own program again and again."""
    hrefs = []
    for turn in range(EACH):
        hrefs.append(
            store.add(
                "DERControl",
                "/derp/1/derc",
                {
                    "interval": {"start": NOON + 100 * turn + number, "duration": 50},
                    "DERControlBase": {"opModMaxLimW": 1},
                },
            )
        )
        with store.transaction("/derp/1"):
            document = store.get("/derp/1")
            assert document is not None
            store.put("/derp/1", {**document.submitted, "version": document.submitted.get("version", 0) + 1})
    return hrefs


def in_threads() -> list[str]:
    hrefs: list[str] = []

    def run(number: int) -> None:
        try:
            hrefs.extend(write(number))
        finally:
            db.close()
    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return hrefs


def in_process(url: str, number: int, hrefs: Any) -> None:
    clock.turn_to(NOON)
    functionsets.load()
    models.connect(url)
    hrefs.extend(write(number))


def in_processes() -> list[str]:
    from server.config import settings
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        hrefs = manager.list()
        processes = [
            context.Process(target=in_process, args=(settings.database, number, hrefs)) for number in range(2)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
            assert process.exitcode == 0
        return list(hrefs)


@pytest.mark.parametrize("writers", [in_threads, in_processes])
def test_nothing_is_lost_and_no_number_given_twice(writers: Callable[[], list[str]]) -> None:
    assert store.add("DERProgram", "/derp", {"primacy": 1}) == "/derp/1"
    hrefs = writers()
    program = store.get("/derp/1")
    assert program is not None and program.submitted["version"] == len(hrefs)
    assert len(set(hrefs)) == len(hrefs) == len(store.items("/derp/1/derc")) >= 2 * EACH
    assert b'all="%d"' % len(hrefs) in bytes(program.body)
    assert store.reindex() == 0
