"""`message`: text messages that devices show to their owners."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from server.grid.controls import messages
from server.grid.controls.messages import MessageDetail, MessageRow, MessageSummary, SentMessage
from server.operations.controls import CancelReason, Ended, OptionalVder, Start
from server.operations.declaration import Arg, Group, Role, VderName
from server.resources.codes import ALL_RESPONSES
from server.units import Href, Seconds

message = Group("message", "Text messages that devices show to their owners.")
GROUPS = (message,)
Message = Annotated[Href, Arg("The message's href.", metavar="MESSAGE")]


@message.operation("send", role=Role.OPERATOR, in_subtree=True)
def send(
    vder: VderName,
    text: Annotated[str, Arg("The words, quoted.")],
    *,
    start: Start = None,
    duration_s: Seconds,
    priority: Annotated[str, Arg("How urgent it is.", choices=messages.PRIORITIES)] = messages.NORMAL,
    locale: Annotated[str, Arg("The language of the words (RFC 4646), such as en or en-AU.")] = "en",
    originator: Annotated[str, Arg("Who says it; 20 characters at most.")] = "",
    response_required: Annotated[int, Arg(
        "Sum of 1 (received), 2 (specific responses), 4 (customer).", least=0,
        most=ALL_RESPONSES)] = messages.RECEIVED,
) -> SentMessage:
    """Send a message to the members of a virtual DER."""
    return messages.send(vder, text, duration_s, start, priority=priority, locale=locale,
                         originator=originator, response_required=response_required)


@message.operation("list", role=Role.VIEWER, in_subtree=True)
def list_messages(vder: OptionalVder = None, *, ended: Ended = False) -> Iterator[MessageRow]:
    """List the messages to a virtual DER, or to all."""
    return messages.list_messages(vder, ended)


@message.operation("show", role=Role.VIEWER, in_subtree=True)
def show(message: Message) -> MessageDetail:
    """Show a message (its href) with its XML."""
    return messages.show(message)


@message.operation("cancel", role=Role.OPERATOR, in_subtree=True)
def cancel(message: Message, *, reason: CancelReason = None) -> MessageSummary:
    """Cancel a message (its href)."""
    return messages.cancel(message, reason)
