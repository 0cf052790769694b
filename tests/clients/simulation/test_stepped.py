"""Clients in stepped time: who is due lives once, in order; in this process, and over pipes."""
from __future__ import annotations

import io
import itertools

import pytest

from clients.devices.client import Client
from clients.simulation import stepped
from clients.simulation.stepped import RETRY_S, Stepped


class Every(Client):
    """Wants to be called every so many seconds; notes when it was."""

    def __init__(self, seconds: float, log: list[tuple[float, str]], fault: bool = False):
        self.name, self.seconds, self.log, self.fault = f"every {seconds}", seconds, log, fault
        self.closed = False

    def step(self, local: float) -> float:
        self.log.append((local, self.name))
        if self.fault:
            raise RuntimeError("a fault nobody foresaw")
        return local + self.seconds

    def close(self) -> None:
        self.closed = True


def test_who_is_due_lives_once_in_the_order_of_their_times() -> None:
    log: list[tuple[float, str]] = []
    clients = [Every(60, log), Every(10, log), Every(25, log)]
    with Stepped(clients, threads=1) as fleet:
        assert fleet.run_until(100) == 3
        assert fleet.run_until(109) == 0
        assert fleet.run_until(130) == 2
        assert fleet.run_until(160) == 3
        assert [name for at, name in log if at == 160] == ["every 10", "every 25", "every 60"]
        assert [name for at, name in log if at == 130] == ["every 10", "every 25"]
    assert all(client.closed for client in clients)


def test_threads_change_nothing_of_what_is_done() -> None:
    logs: list[list[tuple[float, str]]] = [[], []]
    for log, threads in zip(logs, (1, 4), strict=True):
        with Stepped([Every(number, log) for number in range(1, 30)], threads) as fleet:
            for instant in itertools.chain(range(20), range(30, 60, 7)):
                fleet.run_until(instant)
    assert sorted(logs[0]) == sorted(logs[1])


def test_a_fault_of_one_is_not_a_fault_of_all(caplog: pytest.LogCaptureFixture) -> None:
    log: list[tuple[float, str]] = []
    with Stepped([Every(1, log, fault=True), Every(2, log)]) as fleet:
        assert (fleet.run_until(10), fleet.run_until(12), fleet.run_until(10 + RETRY_S)) == (2, 1, 2)
    assert "a fault nobody foresaw" in caplog.text


def test_another_process_is_told_in_lines() -> None:
    answers = io.StringIO()
    fleet = Stepped([Every(10, []), Every(20, [])])
    stepped.serve_instants(fleet, io.StringIO("100.0\n110.0\n115\n120.0\n"), answers)
    assert answers.getvalue() == "100.0 2\n110.0 1\n115 0\n120.0 2\n"
    assert all(client.closed for client in fleet.clients)   # type: ignore[attr-defined]
