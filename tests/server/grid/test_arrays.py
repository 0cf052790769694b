import subprocess
import sys

import pytest

WITHOUT = "import sys; sys.modules['{0}'] = None; "


def run(missing, code):
    return subprocess.run([sys.executable, "-c", WITHOUT.format(missing) + code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("missing, module", [("numpy", "server.grid.measure"), ("highspy", "server.grid.balance.rolling")])
def test_where_the_extra_is_missing_it_is_named(missing, module):
    said = run(missing, f"import {module}")
    assert said.returncode == 1 and "pip install 'counterpoise[balance]'" in said.stderr


def test_shares_need_no_extra_however_many_they_are():
    said = run("numpy", "from server.grid import share; n = 3000; "
                        "print(sum(share.fill(600, [0.0] * n, [1.0] * n, [0.0] * n, [1.0] * n).powers))")
    assert said.returncode == 0 and abs(float(said.stdout) - 600) < 1e-6
