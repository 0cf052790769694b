"""What a test procedure asks of the operator of the utility, by the operator's commands."""
from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from certs import dev

Client = Mapping[str, Any]
Parameters = dict[str, Any]
Command = Callable[..., Any]

AGGREGATOR = "aggregator"
ACTIVE_S, SCHEDULED_S, WAIT_S, PRIMACY = 3600, 60, 60, 20
"""Where a procedure does not say it: how long an active and a scheduled control last (of some the end is
waited for), when a scheduled one begins, and what primacy a program has."""
_OF_AUSTRALIA = ("opModImpLimW", "opModExpLimW", "opModGenLimW", "opModLoadLimW")
_COMPARED = "S-OPT-"
"""Clients of procedures that compare the ConnectionPoint with what the operator knows."""


class Utility:
    """An operator with these commands: `command("control", "list", name)` returns the JSON of it.

    Each client has a virtual DER of its own, and one more for each program that a procedure asks for.
    """

    def __init__(self, command: Command):
        self.command = command
        self.vders: dict[str, dict[str, int | None]] = defaultdict(dict)
        self.next_start: Counter[str] = Counter()
        self.enrolled: set[str] = set()

    def do(self, instruction: str, client: Client, parameters: Parameters) -> None:
        """Do what is asked; AssertionError with the operator's message where that is refused."""
        getattr(self, f"_{instruction.replace('-', '_')}")(client, parameters)

    def _ensure_end_device(self, client: Client, parameters: Parameters) -> None:
        if client["type"] == AGGREGATOR and client["id"] not in self.enrolled:
            self.command("enrol", certificate(client), "--kind", AGGREGATOR)
            self.enrolled.add(client["id"])
        known = {row["lfdi"] for row in self.command("device", "list")}
        if not parameters["registered"]:
            if client["lfdi"] in known:
                self.command("device", "remove", client["lfdi"], "--yes")
            return
        if client["lfdi"] not in known:
            options = ["--aggregator", certificate(client)] if client["type"] == AGGREGATOR else []
            if client["id"].startswith(_COMPARED):
                options += ["--label", f"connection_point={client['nmi']}"]
            self.command("enrol", client["lfdi"], "--pin", str(client["pin"]), *options)
        if not client["assigns"]:       # else it asks for each assignment, and counts them
            self._program(client, client["id"], None)

    def _program(self, client: Client, name: str, primacy: int | None) -> None:
        """Make a virtual DER with this client in it, once; put the client in again if it was removed."""
        own = self.vders[client["id"]]
        if name in own:
            if client["lfdi"] not in {row["lfdi"] for row in self.command("vder", "members", "list", name)}:
                self.command("vder", "members", "add", name, client["lfdi"])
            return
        options = [] if primacy is None else ["--primacy", str(primacy)]
        self.command("vder", "create", name, "--member", client["lfdi"], *options)
        own[name] = primacy

    def _ensure_fsa(self, client: Client, parameters: Parameters) -> None:
        self._program(client, f"{client['id']} {parameters.get('annotation', '')}", parameters.get("primacy"))

    def _ensure_der_program(self, client: Client, parameters: Parameters) -> None:
        """An assignment leads to its program already, which changes, so that subscribers hear of it; a
        program of no assignment is one of its own."""
        name, primacy = f"{client['id']} {parameters.get('fsa_annotation', '')}", parameters.get("primacy")
        if name in self.vders[client["id"]]:
            self.vders[client["id"]][name] = primacy
            self.command("vder", "update", name, "--primacy", str(PRIMACY if primacy is None else primacy))
        else:
            self._program(client, name, primacy)

    def _ensure_der_control_list(self, client: Client, parameters: Parameters) -> None:
        """Every program has one, to which its members may subscribe."""
        self._program(client, client["id"], None)

    def _ensure_mup_list_empty(self, client: Client, parameters: Parameters) -> None:
        for mirror in self.command("mirror", "list", client["lfdi"]):
            self.command("mirror", "remove", mirror["href"], "--yes")

    def _vder(self, client: Client, parameters: Parameters) -> str:
        """The client's virtual DER of the primacy that is asked for, else its first."""
        own, primacy = self.vders[client["id"]], parameters.pop("primacy", None)
        return next((name for name, its in own.items() if primacy is not None and its == primacy),
                    next(iter(own)))

    def _create_der_control(self, client: Client, parameters: Parameters) -> None:
        vder, now = self._vder(client, parameters), int(time.time())
        is_scheduled = parameters.pop("status") == "scheduled"
        duration_s = parameters.pop("duration_seconds", None) or (SCHEDULED_S if is_scheduled else ACTIVE_S)
        offset_s = parameters.pop("start_offset_seconds", None)
        start = now
        if is_scheduled:
            start = max(now + WAIT_S, self.next_start[vder]) if offset_s is None else now + offset_s
            self.next_start[vder] = start + duration_s
        options = ["--start", str(start), "--duration", str(duration_s)]
        for name, option, unit in (("rampTms", "--ramp", 100), ("randomizeStart_seconds",
                                                                "--randomize-start", 1)):
            if parameters.get(name) is not None:
                options += [option, f"{parameters.pop(name) / unit:g}"]
        self.command("control", "post", vder, *modes(parameters), *options)

    def _create_default_der_control(self, client: Client, parameters: Parameters) -> None:
        vder, ramp = self._vder(client, parameters), parameters.pop("setGradW", None)
        options = [] if ramp is None else ["--also", f"setGradW={ramp / 100:g}%/s"]
        self.command("vder", "default", vder, *modes(parameters), *options)

    def _clear_der_controls(self, client: Client, parameters: Parameters) -> None:
        controls = [control for vder in self.vders[client["id"]]
                    for control in self.command("control", "list", vder)
                    if control["status"] in ("scheduled", "active")]
        for control in controls if parameters.get("all") else controls[-1:]:
            self.command("control", "cancel", control["href"])

    def _set_poll_rate(self, client: Client, parameters: Parameters) -> None:
        self._rate("poll-rate", client, parameters)

    def _set_post_rate(self, client: Client, parameters: Parameters) -> None:
        self._rate("post-rate", client, parameters)

    def _rate(self, command: str, client: Client, parameters: Parameters) -> None:
        self.command(command, str(parameters["rate_seconds"]), "--kind", parameters["resource"],
                     "--device", certificate(client))

    def _set_client_access(self, client: Client, parameters: Parameters) -> None:
        self.command("device", "restore" if parameters["granted"] else "suspend", certificate(client))


def certificate(client: Client) -> str:
    """Return the LFDI of a client's certificate; the `lfdi` of an aggregator is that of its DER."""
    return str(dev.describe(Path(client["certificate_file"]).read_bytes())["lfdi"])


def modes(parameters: Parameters) -> list[str]:
    """Return a control's modes as the operator types them: limits in W, switches as yes or no."""
    return [f"{'csipaus:' if name in _OF_AUSTRALIA else ''}{name}="
            f"{('yes' if value else 'no') if isinstance(value, bool) else f'{value:g}W'}"
            for name, value in parameters.items() if value is not None]
