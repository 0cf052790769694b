"""peewee without drivers, and with psycopg as if it had imported it itself."""
from __future__ import annotations

import subprocess
import sys

import pytest

from tests.test_docs import ROOT

CODE = """
import sys
{first}
import peewee
{then}
adapter = peewee.Psycopg3Adapter
names = ("psycopg", "TransactionStatus", "Json_pg3", "Jsonb_pg3")
print([getattr(peewee, name) for name in names], adapter.txn_idle, adapter.txn_inerror, adapter.txn_unknown,
      sorted(vars(peewee)), sorted(vars(adapter)))
"""


def test_peewee_has_afterwards_what_its_own_import_gives_it() -> None:
    pytest.importorskip("psycopg")
    printed = [
        subprocess.run([sys.executable, "-c", CODE.format(first=first, then=then)], cwd=ROOT, check=True,
                       capture_output=True, text=True).stdout
        for first, then in (
            ("", ""),
            ("from server import drivers; assert 'psycopg' not in sys.modules", "drivers.load_psycopg()"))
    ]
    assert printed[0] == printed[1]
