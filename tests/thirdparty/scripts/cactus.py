"""Runs server test procedures of cactus-client, several at a time, in the environment that has it.

`python cactus.py` lists the procedures: id, the types of its clients, and how long it waits, in seconds.

`python cactus.py JOB` runs some, where JOB is a JSON file: config (a file of cactus), tests (id, ids of
clients, and limit_s, how long it may take), together, how many run at a time, and repeat, how often the
simulated client of a procedure polls. What a procedure wants the operator to do is asked by one line of JSON
on standard output, and answered by one on standard input. The outcome of each test is another line.
"""
from __future__ import annotations

import asyncio
import json
import logging
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cactus_client.admin import get_plugin_manager, hookimpl
from cactus_client.execution.build import build_execution_context
from cactus_client.execution.execute import execute_for_context, setup_and_teardown
from cactus_client.model.config import RunConfig, load_config
from cactus_client.model.execution import ActionResult, ExecutionResult
from cactus_client.results.common import ResultsEvaluation
from cactus_test_definitions.csipaus import CSIPAusVersion
from cactus_test_definitions.server.test_procedures import TestProcedureId, get_all_test_procedures


class Operator:
    """Asks the process that started this one, and waits for its answer."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[str]] = {}
        self.asked = 0

    @hookimpl
    async def admin_instruction(self, instruction: Any, step: Any, context: Any) -> ActionResult:
        client = context.client_config_for(instruction.client)
        self.asked += 1
        self.waiting[self.asked] = answer = asyncio.get_running_loop().create_future()
        assigns = any("ensure-fsa" == str(later.type) for planned in context.test_procedure.steps
                      for later in planned.admin_instructions or [])
        say(ask=self.asked, instruction=str(instruction.type), parameters=instruction.parameters,
            client={**asdict(client), "assigns": assigns})
        error = await answer
        return ActionResult.skip_step(error) if error else ActionResult.done()

    async def listen(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            answer = json.loads(line)
            self.waiting.pop(answer["ask"]).set_result(answer["error"])


def say(**values: Any) -> None:
    print(json.dumps(values, default=str), flush=True)


def listed() -> None:
    """Say each procedure; whoever has no type of its own is a device."""
    for name, procedure in get_all_test_procedures().items():
        begin = [instruction.parameters.get("start_offset_seconds", 0) for step in procedure.steps
                 for instruction in step.admin_instructions or []]
        waits = [step.action.parameters.get("duration_seconds", 0) for step in procedure.steps]
        say(id=str(name), about=procedure.description, wait_s=max([sum(waits), *begin]),
            clients=[str(client.client_type or "device")
                     for client in procedure.preconditions.required_clients])


async def run(job: dict[str, Any], test: dict[str, Any]) -> None:
    config, _ = load_config(job["config"])
    settings = RunConfig(test_procedure_id=TestProcedureId(test["id"]), client_ids=test["clients"],
                         csip_aus_version=CSIPAusVersion.RELEASE_1_2, headless=True)
    async with build_execution_context(config, settings) as context:
        for step in context.test_procedure.steps:
            if "total_simulations" in step.action.parameters:
                step.action.parameters.update(total_simulations=job["repeat"], frequency_seconds=1)
        steps, result = len(context.test_procedure.steps), ExecutionResult(completed=False)
        late = ""
        try:
            async with asyncio.timeout(test["limit_s"]), setup_and_teardown(context):
                result = await execute_for_context(context)
        except TimeoutError:
            late = f"it was not over after {test['limit_s']} s"
        evaluation = ResultsEvaluation(context, result)
        say(test=test["id"], passed=evaluation.has_passed(), about=context.test_procedure.description,
            steps=f"{evaluation.total_steps_passed}/{steps}",
            warnings=[f"{warning.source_id()}: {warning.message}" for warning in context.warnings.warnings],
            why="; ".join(filter(None, [late, *reasons(context)])))


def reasons(context: Any) -> list[str]:
    """Return why steps failed, what was waited for last, and what its own schema refuses."""
    found = [f"{result.step.id}: {result.exc or result.skip_reason or result.failure_result.description}"
             for result in context.progress.all_results if not result.is_passed()]
    if not found and context.progress.all_completions:
        last = context.progress.all_completions[-1]
        if not last.is_success():
            found.append(f"{last.step_execution.source.id}: "
                         f"{last.exc or last.check_result.description or last.action_result.description}")
    return found + [f"{response.method} {response.url}: {response.xsd_errors[0]}"
                    for response in context.responses.responses if response.xsd_errors]


async def main(job: dict[str, Any]) -> None:
    operator, gate = Operator(), asyncio.Semaphore(job["together"])
    get_plugin_manager().register(operator)

    async def one(test: dict[str, Any]) -> None:
        async with gate:
            try:
                await run(job, test)
            except Exception as error:      # of the tester itself: it is a row of the table as well
                say(test=test["id"], passed=False, about="", steps="", warnings=[], why=repr(error))

    listener = asyncio.create_task(operator.listen())
    await asyncio.gather(*(one(test) for test in job["tests"]))
    listener.cancel()
    with suppress(asyncio.CancelledError):
        await listener


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    if len(sys.argv) == 1:
        listed()
    else:
        asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
