"""Settings: what there is to set, where values come from, and what is refused.

Read `setting` (the record of one setting), `checks` (rules for texts: URL, address, time zone),
`declarations`, with `monitoringdeclarations` and `operatordeclarations` (every setting, once), `sources`
(file, environment, command line), `contradictions` (settings that do not fit each other).
"""
from __future__ import annotations

import os

from server.config.declarations import SETTINGS
from server.config.setting import BadSettings, Setting
from server.config.sources import Settings, Source

# The settings in force. Faults are kept until a command asks for them (`require`): an import never fails.
settings = Settings(os.environ, strict=False)

__all__ = ["SETTINGS", "BadSettings", "Setting", "Settings", "Source", "settings"]
