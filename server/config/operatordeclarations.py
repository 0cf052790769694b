"""The settings of operators and of their interface, which `declarations` has in its list."""
from __future__ import annotations

from server.config import checks
from server.config.setting import Setting

OPERATORS = "Operators"

DECLARATIONS = (
    Setting(name="operator", group=OPERATORS, default="", unit="name",
            help="your name in the audit log, unless --as gives another; empty: your login name"),
    Setting(name="approval_limit_w", group=OPERATORS, default=0.0, unit="W", least=0, most=1e12,
            help="power above which an order on whatever virtual DER needs somebody else's approval; 0: none",
            why="nobody can approve anything before there is a second person"),
    Setting(name="console_host", group=OPERATORS, default="127.0.0.1", unit="address", check=checks.HOST,
            help="addresses on which the operator interface (`console`) listens, separated by commas",
            why="who is on this machine holds the database anyway"),
    Setting(name="console_port", group=OPERATORS, default=8444, unit="TCP port", least=1, most=65_535,
            help="port on which the operator interface listens; never that of the device interface"),
    Setting(name="console_workers", group=OPERATORS, default=2, unit="processes", least=1, most=64,
            help="worker processes of the operator interface"),
    Setting(name="console_threads", group=OPERATORS, default=8, unit="threads", least=1, most=256,
            help="threads of each of these processes, each of which answers one request"),
    Setting(name="console_tls", group=OPERATORS, default=True, unit="yes/no",
            help="the operator interface speaks TLS; without, it listens on this machine alone"),
    Setting(name="console_certificate", group=OPERATORS, default="", unit="PEM file",
            help="the file of the certificate chain of the operator interface (PEM); empty: certificate"),
    Setting(name="map_tiles_url", group=OPERATORS, default="", unit="URL", check=checks.TILES,
            help="address of the tiles below the map, with {z}, {x} and {y}, that browsers load; empty: none",
            why="whoever serves the tiles learns where one looks"),
    Setting(name="map_tiles_attribution", group=OPERATORS, default="", unit="text",
            help="whom the map names as the source of these tiles, such as © OpenStreetMap contributors"),
    Setting(name="console_key", group=OPERATORS, default="", unit="PEM file",
            help="the file of its private key (PEM); empty: key"),
    Setting(name="console_operator_ca", group=OPERATORS, default="", unit="PEM file",
            help="the authorities whose certificates let in the users whom they name (PEM); empty: none"),
    Setting(name="console_operator_crl", group=OPERATORS, default="", unit="PEM file",
            help="the revocation lists of these authorities (PEM), read again once it changes; empty: none"),
    Setting(name="console_guest", group=OPERATORS, default="", unit="name",
            help="the user whom anybody on this machine is who does not sign in, as a viewer; empty: none",
            why="it is for demonstrations: the operator interface then listens on this machine alone"),
    Setting(name="session_idle_s", group=OPERATORS, default=1800, unit="s", least=300, most=86_400,
            help="how long somebody who has signed in may do nothing until they have to sign in again",
            why="long enough to read a report, and short for a desk that somebody has left"),
    Setting(name="session_s", group=OPERATORS, default=43_200, unit="s", least=300, most=604_800,
            help="how long somebody may stay signed in, whatever they do", why="a long shift"),
    Setting(name="stream_listeners", group=OPERATORS, default=500, unit="connections", least=1, most=100_000,
            help="connections to the stream of changes that a process of the operator interface has at most"),
    Setting(name="stream_of_user", group=OPERATORS, default=50, unit="connections", least=1, most=100_000,
            help="of these, connections of one user"),
)
