"""The proof by attacks sees honest clients that are refused, starved or lost, and what the attacker got."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from clients.transport.mtls import ConnectionLost
from tests.soak import attackers, honest

SITE: Any = SimpleNamespace(certs="", port=0)  # nothing connects to it: there is no attack


class Pipe:
    """The pipe of an honest client that noticed this; None if it did not come back."""

    def __init__(self, noticed: tuple[list[float], list[str]] | None):
        self.noticed, self.said = noticed, list[Any]()

    def send(self, words: Any) -> None:
        self.said.append(words)

    def poll(self, seconds: float) -> bool:
        return self.noticed is not None

    def recv(self) -> Any:
        return self.noticed


@pytest.mark.parametrize("noticed, lost, fault", [
    (([0.01, 0.02], []), 0, None),
    (([0.01, 11.5], []), 0, "an honest client waited 11.5 s"),
    (([0.01, 0.01], ["503", "503"]), 2, "honest clients were refused: {'503': 2}"),
    (None, 0, "an honest client did not come back")])
def test_what_honest_clients_notice_is_told(noticed: Any, lost: int, fault: str | None) -> None:
    pipes = [Pipe(noticed), Pipe(([0.01], []))]
    outcome = attackers._one(SITE, "", 3, pipes)
    assert (outcome.lost, outcome.faults) == (lost, [fault] if fault else [])
    assert outcome.passed == (fault is None) and pipes[0].said == [3]


def test_renegotiations_that_are_accepted_are_a_fault() -> None:
    outcome = attackers.judge(attackers.Outcome("x", ""), [0.1], [], {"renegotiations accepted": 2})
    assert outcome.faults == ["2 renegotiations were accepted"]


def test_an_honest_client_notes_how_long_it_waits_and_what_is_no_answer(monkeypatch: Any) -> None:
    answers = iter([200, 503, ConnectionLost("closed", True)])
    now = 0.0

    class Https:
        def __init__(self, *_: Any, **__: Any):
            pass

        def exchange(self, *_: Any) -> Any:
            nonlocal now
            now += 12.0
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return type("Reply", (), {"status": answer})

        def close(self) -> None:
            pass
    monkeypatch.setattr(honest, "Https", Https)
    monkeypatch.setattr(honest, "tls_context", lambda *_: None)
    monkeypatch.setattr(honest.time, "monotonic", lambda: now)
    monkeypatch.setattr(honest.time, "sleep", lambda _: None)
    told: list[Any] = []
    seconds = iter([30, 0])
    pipe = type("Ends", (), {"recv": lambda _: next(seconds), "send": lambda _, words: told.append(words)})()
    honest.run("x", ("", "", ""), True, pipe)
    (latencies, refused), = told
    assert latencies == [12.0] * 3 and refused == ["503", "closed"]
