"""What the operations on events return: rows with fixed keys, from which tables and JSON are made."""
from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from server.units import Elements, Href, Instant, Lfdi, Seconds, WattHours, Watts, Xml


class EventSummary(TypedDict):
    """What events of all kinds have in common.

    `status` is scheduled, active, cancelled, cancelled with randomization, superseded or over; `since` the
    instant at which it became so.
    """
    href: Href
    mrid: str
    description: str
    status: str
    since: Instant
    start: Instant
    duration_s: Seconds
    potentially_superseded: bool


class DerControlSummary(EventSummary):
    """A DERControl; `base` is its DERControlBase, `in_words` what it says to people, mode by mode."""
    base: Elements
    in_words: list[str]


class DerControlRow(DerControlSummary):
    """A DERControl with the virtual DER that it is for."""
    vder: str


class DerControlDetail(DerControlRow):
    xml: Xml


class PostedDerControl(DerControlRow):
    """A DERControl that was posted; `xml` only in a dry run."""
    warnings: list[str]
    dry_run: bool
    xml: NotRequired[list[Xml]]


class DerDefault(TypedDict):
    """The DefaultDERControl of a virtual DER, None where it has none, and what it says to people."""
    vder: str
    default: Elements | None
    in_words: list[str]


class AddedCurve(TypedDict):
    """A DERCurve that was added to the program of a virtual DER; `href` is how controls name it."""
    vder: str
    href: Href
    curve: Elements


class DrEventSummary(EventSummary):
    """An EndDeviceControl.

    `action` has its actions by the standard's names, `categories` the kinds of load that it is for;
    `override_duration_s` is how long a customer may override it and still count as having taken part.
    """
    action: Elements
    in_words: list[str]
    categories: list[str]
    forward: bool
    mandatory: bool
    override_duration_s: Seconds


class DrEventRow(DrEventSummary):
    """An EndDeviceControl with the virtual DER that it is for."""
    vder: str


class CreatedDrEvent(DrEventRow):
    """An EndDeviceControl that was posted; `addressed` members are of its categories.

    `xml` is there only in a dry run.
    """
    addressed: int
    warnings: list[str]
    dry_run: bool
    xml: NotRequired[list[Xml]]


class DrOutcome(TypedDict):
    """What a device did in an event, by its responses.

    `overridden_s` is how long its customer has overridden it, `applied` the actions as it applied them; both
    None where it has not reported them.
    """
    opted_out: bool
    overridden_s: Seconds | None
    applied: Elements | None


class DrDeviceRow(DrOutcome):
    """A device that an event is for; `answer` is its latest response, in words."""
    lfdi: Lfdi
    name: str
    answer: str


class DrEventDetail(DrEventRow):
    """An EndDeviceControl with its devices; `answers` counts them by their latest response."""
    answers: dict[str, int]
    devices: list[DrDeviceRow]
    xml: Xml


class ReservationSummary(EventSummary):
    """A FlowReservationResponse; power and energy are positive for charging; `subject` is the request's mRID.
    """
    power_w: Watts | None
    energy_wh: WattHours | None
    subject: str


class GrantedReservation(ReservationSummary):
    """A FlowReservationResponse that was granted; `xml` only in a dry run."""
    warnings: list[str]
    dry_run: bool
    xml: NotRequired[list[Xml]]


class RequestState(TypedDict):
    """A flow reservation request with what it is granted now or later."""
    request: Href
    grants: list[ReservationSummary]


class CancelledReservations(TypedDict):
    """A flow reservation request, and how many of the reservations granted to it were cancelled."""
    request: Href
    cancelled: int


class GrantFields(TypedDict, total=False):
    """The reservation in force of a request: all of these, or none where nothing is granted.

    `margin_s` is how long before the end of the window it ends, `answer` the latest response to it.
    """
    grant: Href
    granted_start: Instant
    granted_duration_s: Seconds
    granted_w: Watts | None
    granted_wh: WattHours | None
    margin_s: Seconds
    answer: str


class SessionRow(GrantFields):
    """A flow reservation request with what it is granted; power and energy are positive for charging.

    `window_*` is the interval that the device asks for, `served_wh` the energy that has flowed since it
    began, by its readings. `unmet_wh` is what it will leave without by the plan in force (None: nothing), and
    `unmet_reason` why. `vehicle` is the PEVInfo of the device's PowerStatus.
    """
    name: str
    lfdi: Lfdi
    request: Href
    state: str
    window_start: Instant
    window_end: Instant
    energy_wh: WattHours
    power_w: Watts
    served_wh: WattHours | None
    unmet_wh: WattHours | None
    unmet_reason: str
    vehicle: Elements | None
    grants: list[ReservationSummary]


class ModeRow(TypedDict):
    """A mode that is in force for a device: its value, and the event (None: a default) that decides it."""
    mode: str
    value: Any
    in_words: list[str]
    vder: str
    control: Href | None
    reason: str


class ProgramRow(TypedDict):
    """An event or default (`control` is None) of a program that a device sees, and what becomes of it."""
    kind: str
    vder: str
    primacy: int
    control: Href | None
    status: str
    modes: Elements
    in_words: list[str]
    outcome: str


class Preview(TypedDict):
    """What a device follows at the instant `at`, and every event and default that it sees then."""
    device: str
    lfdi: Lfdi
    at: Instant
    follows: list[ModeRow]
    programs: list[ProgramRow]


class ResponseRow(TypedDict):
    """A Response: by the device's clock (`created_at`) and by the server's (`received_at`)."""
    device: str
    lfdi: Lfdi
    event: str
    status: int | None
    answer: str
    created_at: Instant | None
    received_at: Instant


class ToldLimits(TypedDict):
    """By which modes a kind of limit is told, and to how many connection points."""
    limit: str
    modes: str
    connection_points: int


class UntoldLimit(TypedDict):
    """A kind of limit that some members of a connection point cannot be told."""
    connection_point: str
    limit: str
    members: int


class PutEnvelopes(TypedDict):
    """Operating envelopes as they were put: of which connection points, and how these are told.

    `replaced` is how many had one before; `step_s` the shortest step.
    """
    points: str
    source: str
    start: Instant
    end: Instant
    step_s: Seconds
    replaced: int
    told: list[ToldLimits]
    untold: list[UntoldLimit]
    warnings: list[str]
    dry_run: bool


class ClearedEnvelope(TypedDict):
    """An operating envelope that was made to end."""
    connection_point: str
    end: Instant
    dry_run: bool


class EnvelopeRow(TypedDict):
    """The operating envelope of a connection point: the limits that hold now (magnitudes, None for none), its
    end, how many controls are `published` and how far they reach."""
    connection_point: str
    import_limit_w: Watts | None
    export_limit_w: Watts | None
    generation_limit_w: Watts | None
    load_limit_w: Watts | None
    end: Instant
    published: int
    published_until_at: Instant | None
    source: str
    issued_at: Instant


class EnvelopeSegment(TypedDict):
    """Limits that hold from `start` until `end`; `control` is the href that says so, once it is published."""
    start: Instant
    end: Instant
    import_limit_w: Watts | None
    export_limit_w: Watts | None
    generation_limit_w: Watts | None
    load_limit_w: Watts | None
    control: Href | None


class EnvelopeDetail(EnvelopeRow):
    """An operating envelope, step by step, and how the members of its connection point are told."""
    told: list[ToldLimits]
    untold: list[UntoldLimit]
    segments: list[EnvelopeSegment]
