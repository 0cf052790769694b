"""`device network`, `follows`, `configuration`, `configure` and `respond`: what a device reports of its
network, what it follows, and its Configuration."""
from __future__ import annotations

from typing import Annotated

from server.devices import enrolment
from server.errors import BadArgument
from server.functionsets import config, network
from server.functionsets.config import DeviceConfiguration
from server.functionsets.network import InterfaceDetail
from server.grid.controls.followresults import FollowedModes
from server.operations.declaration import Arg, DeviceName, Role
from server.operations.devices import device
from server.units import Href, Instant, Seconds

GROUPS = (device,)
_NAME_OCTETS = 32
_MOST_S = 2 ** 32 - 1


@device.operation("network", role=Role.VIEWER)
def show_network(device: DeviceName) -> list[InterfaceDetail]:
    """Show the network interfaces of a device as it reports them: state, counters, addresses, links,
    neighbours and routes."""
    return network.interfaces(enrolment.href(enrolment.find(device)))


@device.operation("configuration", role=Role.VIEWER)
def show_configuration(device: DeviceName) -> DeviceConfiguration:
    """Show the Configuration of a device: name, language, time zone, battery, prices that it responds to."""
    return config.read(enrolment.find(device))


@device.operation("follows", role=Role.VIEWER)
def follows(
    device: DeviceName,
    *,
    horizon_s: Annotated[Seconds, Arg("How far ahead.", least=60, most=7 * 86400)] = 86400,
) -> FollowedModes:
    """Show what a device follows now and next, by the events that are known now: mode, value, from when to
    when, and why; `preview` shows all that it sees at one instant."""
    from server.grid.controls import followed
    return followed.ahead(enrolment.find(device), horizon_s)


@device.operation("configure", role=Role.OPERATOR)
def configure(
    device: DeviceName,
    *,
    name: Annotated[str | None, Arg("The name that it shows to its owner.", option="user-name")] = None,
    locale: Annotated[str | None, Arg("The language that it uses, such as en or en-IE.")] = None,
    time_zone: Annotated[str | None, Arg(
        "Its time zone, such as Europe/Dublin; `none` takes back what was said of it.")] = None,
    low_charge_threshold_s: Annotated[Seconds | None, Arg(
        "A battery that lasts no longer counts as low.", least=0, most=_MOST_S, option="low-charge")] = None,
    battery_installed_at: Annotated[Instant | None, Arg(
        "When its battery was installed.", option="battery-installed")] = None,
) -> DeviceConfiguration:
    """Set parts of the Configuration of a device, which it reads there; what is not given stays."""
    wanted = config.Wanted(name, locale, time_zone, low_charge_threshold_s, battery_installed_at)
    if wanted == config.Wanted():
        raise BadArgument("name", "specify at least one of the options")
    if name is not None and not 0 < len(name.encode()) <= _NAME_OCTETS:
        raise BadArgument("name", f"it has {len(name.encode())} octets, and 1 to {_NAME_OCTETS} are possible")
    return config.configure(enrolment.find(device), wanted)


@device.operation("respond", role=Role.OPERATOR)
def respond(
    device: DeviceName,
    component: Annotated[Href, Arg("The href of the RateComponent, such as /tp/1/rc/1.")],
    *,
    consume_below: Annotated[float, Arg("It consumes freely while the price is below.")],
    reduce_above: Annotated[float, Arg("It reduces as far as possible while the price is above.")],
) -> DeviceConfiguration:
    """Set at which prices of a tariff a device consumes freely and reduces, in the tariff's currency."""
    return config.respond(enrolment.find(device), component, consume_below, reduce_above)
