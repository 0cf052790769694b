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
    Setting(name="console_key", group=OPERATORS, default="", unit="PEM file",
            help="the file of its private key (PEM); empty: key"),
)
