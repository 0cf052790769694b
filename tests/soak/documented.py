"""REST against its own OpenAPI document, by schemathesis: what it makes of the document is answered as that
says."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import hypothesis
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, strategies
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from server import clock
from server.api.routes import ROOT
from server.operators import authentication
from server.operators.principals import Principal
from server.operators.roles import Role
from tests.conftest import NOON
from tests.soak.outcome import Outcome

TOKEN = "token of the proof"
# Checks that ask for what is not meant: what a value may be depends on others and on what there is, so that
# 400 and 404 are right for what the document allows.
LEFT_OUT = ("positive_data_acceptance", "ignored_auth", "missing_required_header", "unsupported_method",
            "use_after_free", "ensure_resource_availability", "object_level_authorization")
# What ends the session of the proof, takes long, would fill the disk, or is an answer without an end.
APART = ("reindex", "stream")


@contextmanager
def let_in() -> Iterator[None]:
    """Let the token of the proof stand for an administrator."""
    def by_token(text: str) -> Principal:
        return Principal("proof", Role.ADMINISTRATOR, None)
    with mock.patch.object(authentication, "by_token", by_token):
        yield


def faults(app: Flask, examples: int, seed: int, until: float = float("inf")) -> tuple[int, list[str]]:
    """Send this many examples for each operation, until the time.monotonic() given; return how many requests
    were sent, and what is wrong with answers."""
    load_all_checks()
    schema = schemathesis.openapi.from_wsgi(f"{ROOT}/openapi.json", app)
    checks = [check for name in CHECKS.get_all_names() if name not in LEFT_OUT
              for check in CHECKS.get_by_names([name])]
    sent, wrong = 0, []
    with let_in():
        for found in schema.get_all_operations():
            operation = found.ok()
            if time.monotonic() > until:
                break
            if any(tag in APART for tag in operation.tags or []):
                continue
            count, fault = _of(operation, checks, examples, seed)
            sent += count
            if fault:
                wrong.append(f"{operation.label}: {fault}")
    return sent, wrong


def prove(engine: str, examples: int, seed: int, until: float = float("inf")) -> Outcome:
    """Send requests that are made of the document, of ever new seeds, for as long as there is time."""
    from server.api import app
    from tests.soak.fuzz.world import world
    outcome = Outcome(f"REST as documented, {engine}", "")
    with world(engine) as place, place.fresh():
        application, sent, seeds = app.create(), 0, 0
        while not seeds or time.monotonic() < until < float("inf"):
            count, wrong = faults(application, examples, seed + seeds, until)
            sent, seeds = sent + count, seeds + 1
            outcome.faults += wrong
    outcome.tried = f"{sent} requests, {examples} an operation from each of {seeds} seeds from {seed} on"
    return outcome


def _of(operation: Any, checks: list[Any], examples: int, seed: int) -> tuple[int, str]:
    """Send examples for one operation; return how many, and what is wrong with the first answer that is."""
    sent = 0
    cases = strategies.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=examples, deadline=None, database=None, derandomize=False,
                         phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @hypothesis.given(cases)
    def send(case: Any) -> None:
        nonlocal sent
        sent += 1
        clock.turn_to(NOON)
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=checks)
    try:
        send()
    except BaseExceptionGroup as group:
        return sent, "\n".join(map(str, group.exceptions))
    except Exception as error:
        return sent, str(error)
    return sent, ""
