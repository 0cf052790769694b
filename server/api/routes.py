"""Where each operation is found: method and path below /api/v1, in one table.

A path names arguments in braces; the other arguments are in the query of a GET or DELETE, and in the body of
other methods. What only looks is a GET, unless files come with it.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from server import operations
from server.operations.declaration import Argument, Operation, UploadedFile

ROOT = "/api/v1"
IN_QUERY = ("GET", "DELETE")  # methods whose arguments are in the query
MEDIA_TYPES: Mapping[str, str] = {"html_file": "text/html", "csv_file": "text/csv"}
"""What a request accepts that wants the file which an operation writes by an argument of this name."""

PATHS: Mapping[str, str] = {
    "enrol": "POST /devices",
    "device list": "GET /devices",
    "device export-list": "POST /device-exports",
    "device show": "GET /devices/{device}",
    "device alarms": "GET /device-alarms",
    "device log": "GET /device-logs",
    "device label": "PATCH /devices/{device}",
    "device update": "PUT /devices/{device}/profile",
    "device rate": "PATCH /devices/{device}/rating",
    "device move": "POST /device-moves",
    "device suspend": "POST /devices/{device}/suspend",
    "device restore": "POST /devices/{device}/restore",
    "device remove": "DELETE /devices/{device}",
    "device network": "GET /devices/{device}/network",
    "device configuration": "GET /devices/{device}/configuration",
    "device follows": "GET /devices/{device}/follows",
    "device configure": "PATCH /devices/{device}/configuration",
    "device respond": "POST /devices/{device}/price-thresholds",
    "device export": "POST /devices/{device}/export",
    "device erase": "POST /devices/{device}/erase",
    "device import": "POST /device-imports",
    "device trace on": "POST /devices/{device}/trace",
    "device trace off": "DELETE /devices/{device}/trace",
    "trace": "GET /devices/{device}/exchanges",
    "vder create": "POST /virtual-ders",
    "vder split": "POST /virtual-ders/{vder}/split",
    "vder list": "GET /virtual-ders",
    "vder show": "GET /virtual-ders/{vder}",
    "vder update": "PATCH /virtual-ders/{vder}",
    "vder delete": "DELETE /virtual-ders/{vder}",
    "vder default": "PATCH /virtual-ders/{vder}/default",
    "vder status": "GET /virtual-ders/{vder}/status",
    "vder capability": "GET /virtual-ders/{vder}/capability",
    "vder forecast": "GET /virtual-ders/{vder}/forecast",
    "vder match": "GET /rule-matches",
    "vder members list": "GET /virtual-ders/{vder}/members",
    "vder members add": "POST /virtual-ders/{vder}/members",
    "vder members remove": "DELETE /virtual-ders/{vder}/members",
    "vder members import": "POST /virtual-ders/{vder}/members/import",
    "vder members validate": "GET /member-conflicts",
    "map": "GET /map",
    "feeder list": "GET /feeders",
    "feeder import": "POST /feeders",
    "feeder remove": "DELETE /feeders/{name}",
    "control post": "POST /controls",
    "control list": "GET /controls",
    "control show": "GET /controls/{control}",
    "control cancel": "POST /controls/{control}/cancel",
    "control curve": "POST /virtual-ders/{vder}/curves",
    "preview": "GET /devices/{device}/preview",
    "dispatch order": "POST /orders",
    "dispatch override": "POST /orders/{order}/override",
    "dispatch list": "GET /orders",
    "dispatch show": "GET /orders/{order}",
    "dispatch shares": "GET /orders/{order}/shares",
    "dispatch extend": "POST /orders/{order}/extend",
    "dispatch cancel": "POST /orders/{order}/cancel",
    "stop order": "POST /stops",
    "stop list": "GET /stops",
    "resume": "POST /virtual-ders/{vder}/resume",
    "dr event create": "POST /events",
    "dr event list": "GET /events",
    "dr event show": "GET /events/{event}",
    "dr event cancel": "POST /events/{event}/cancel",
    "message send": "POST /messages",
    "message list": "GET /messages",
    "message show": "GET /messages/{message}",
    "message cancel": "POST /messages/{message}/cancel",
    "tariff import": "POST /virtual-ders/{vder}/tariff-files",
    "tariff set": "POST /tariffs",
    "tariff list": "GET /tariffs",
    "tariff show": "GET /tariffs/{tariff}",
    "tariff cancel": "DELETE /tariffs/{tariff}",
    "ev sessions": "GET /reservations",
    "ev grant": "POST /reservations",
    "ev cancel": "POST /devices/{device}/reservations/cancel",
    "signal put": "PUT /signals/{area}",
    "signal push": "POST /signals/{area}",
    "signal withdraw": "DELETE /signals/{area}",
    "signal publish": "POST /signals/{area}/publish",
    "signal show": "GET /signals",
    "envelope put": "POST /envelopes",
    "envelope list": "GET /envelopes",
    "envelope show": "GET /envelopes/{point}",
    "envelope clear": "DELETE /envelopes/{point}",
    "forecast put": "PUT /forecasts/{vder}",
    "forecast show": "GET /forecasts/{vder}",
    "history import": "PUT /history/{vder}",
    "history show": "GET /history/{vder}",
    "history roll": "POST /history-rolls",
    "opt-out set": "PUT /devices/{device}/opt-out",
    "opt-out list": "GET /opt-outs",
    "opt-out clear": "DELETE /devices/{device}/opt-out",
    "contract set": "PATCH /devices/{device}/contract",
    "contract show": "GET /devices/{device}/contract",
    "contract list": "GET /contracts",
    "contract blocks": "GET /contract-blocks",
    "contract remove": "DELETE /devices/{device}/contract",
    "contract import": "POST /contracts",
    "plan run": "POST /plans",
    "plan areas": "GET /areas",
    "plan list": "GET /plans",
    "plan show": "GET /plans/{number}",
    "plan diff": "GET /plans/{first}/differences/{second}",
    "plan approve": "POST /plans/{number}/approve",
    "plan publish": "POST /plans/{number}/publish",
    "plan auto": "POST /areas/{area}/balance",
    "responses": "GET /responses",
    "readings": "GET /devices/{device}/readings",
    "file publish": "POST /files",
    "file list": "GET /files",
    "file show": "GET /files/{file}",
    "file devices": "GET /files/{file}/devices",
    "file activate": "POST /files/{file}/activate",
    "file withdraw": "DELETE /files/{file}",
    "bill import": "POST /bills",
    "bill list": "GET /bills",
    "bill show": "GET /bills/{account}",
    "bill remove": "DELETE /bills/{account}",
    "prepay set": "PATCH /prepayments/{account}",
    "prepay credit": "POST /prepayments/{account}/credits",
    "prepay service": "PUT /prepayments/{account}/service",
    "prepay override": "PUT /prepayments/{account}/override",
    "prepay list": "GET /prepayments",
    "prepay show": "GET /prepayments/{account}",
    "prepay remove": "DELETE /prepayments/{account}",
    "mirror list": "GET /mirrors",
    "mirror remove": "DELETE /mirrors/{mirror}",
    "resource get": "GET /resources/{href}",
    "resource list": "GET /resources",
    "resource post": "POST /resources/{href}",
    "resource put": "PUT /resources/{href}",
    "resource delete": "DELETE /resources/{href}",
    "subscription list": "GET /subscriptions",
    "subscription end": "DELETE /subscriptions/{href}",
    "poll-rate": "POST /poll-rates",
    "post-rate": "POST /post-rates",
    "report event": "GET /reports/events/{event}",
    "report day": "GET /reports/days/{vder}",
    "report month": "GET /reports/months/{vder}",
    "report calls": "GET /reports/calls/{vder}",
    "report bill": "GET /reports/bills/{vder}",
    "report nonresponders": "GET /reports/nonresponders/{vder}",
    "report unmet": "GET /reports/unmet/{vder}",
    "baseline compute": "GET /baselines",
    "baseline show": "GET /orders/{order}/baseline",
    "alarm list": "GET /alarms",
    "alarm ack": "POST /alarms/acknowledge",
    "alarm conditions": "GET /alarm-conditions",
    "certificate check": "POST /certificate-checks",
    "certificate list": "GET /certificates",
    "certificate issue": "POST /certificates",
    "certificate revoke": "POST /certificate-revocations",
    "approval list": "GET /approvals",
    "approval approve": "POST /approvals/{number}/approve",
    "approval reject": "POST /approvals/{number}/reject",
    "approval limits": "GET /approval-limits",
    "approval limit": "PUT /approval-limits/{vder}",
    "user create": "POST /users",
    "user list": "GET /users",
    "user show": "GET /users/{user}",
    "user update": "PATCH /users/{user}",
    "user disable": "POST /users/{user}/disable",
    "user password": "PUT /users/{user}/password",
    "user remove": "DELETE /users/{user}",
    "token create": "POST /users/{user}/tokens",
    "token list": "GET /tokens",
    "token revoke": "DELETE /users/{user}/tokens/{name}",
    "setting list": "GET /settings",
    "webhook add": "POST /webhooks",
    "webhook list": "GET /webhooks",
    "webhook show": "GET /webhooks/{name}",
    "webhook remove": "DELETE /webhooks/{name}",
    "webhook test": "POST /webhooks/{name}/test",
    "clock show": "GET /clock",
    "clock accept": "POST /clock/accept",
    "audit tail": "GET /audit",
    "audit verify": "POST /audit/verify",
    "audit export": "GET /audit/entries",
    "reindex": "POST /reindex",
}

VERBS: Mapping[str, tuple[str, ...]] = {
    "createDERGroups": ("vder create", "vder split"),
    "changeDERGroups": ("vder update", "vder default", "vder members add", "vder members remove",
                        "vder members import"),
    "deleteDERGroups": ("vder delete",),
    "getDERGroupStatuses": ("vder status", "vder capability"),
    "getDERGroupForecasts": ("vder forecast",),
    "createDERGroupDispatches": ("dispatch order",),
}
"""The verbs of IEC 61968-5, and the operations that do what each says."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where an operation is found. `path` begins after ROOT."""
    operation: Operation
    method: str
    path: str

    @property
    def in_query(self) -> bool:
        """Whether the arguments that are not in the path are in the query, and not in the body."""
        return self.method in IN_QUERY

    @property
    def in_path(self) -> list[Argument]:
        """The arguments that the path names."""
        return [argument for argument in self.operation.arguments if f"{{{argument.name}}}" in self.path]

    @property
    def others(self) -> list[Argument]:
        """The arguments in the query or the body. Paths on the server are for its own command line alone."""
        return [argument for argument in self.operation.arguments
                if f"{{{argument.name}}}" not in self.path and argument.kind is not Path]

    @property
    def uploads(self) -> list[Argument]:
        """The arguments that are files."""
        return [argument for argument in self.others if argument.kind is UploadedFile]

    @property
    def written(self) -> dict[str, str]:
        """The media types of the files that the operation can write, and the arguments that name these."""
        return {MEDIA_TYPES[argument.name]: argument.name for argument in self.operation.arguments
                if argument.kind is Path and argument.name in MEDIA_TYPES}

    @property
    def noun(self) -> str:
        """What it is about: the first segment of its path."""
        return self.path.split("/")[1]

    @property
    def verbs(self) -> list[str]:
        """The verbs of IEC 61968-5 that name it."""
        return [verb for verb, names in VERBS.items() if self.operation.name in names]


def declared() -> Iterator[Operation]:
    """Yield every operation, in the order of the commands."""
    for name in operations.MODULES:
        yield from operations.load(name).walk()


def route_of(operation: Operation) -> Route:
    """Return the route of an operation. KeyError where it has no path."""
    method, path = PATHS[operation.name].split(" ")
    return Route(operation=operation, method=method, path=path)


@lru_cache(maxsize=1)
def routes() -> dict[str, Route]:
    """Return the route of each operation, by its name. KeyError where an operation has no path."""
    return {operation.name: route_of(operation) for operation in declared()}
