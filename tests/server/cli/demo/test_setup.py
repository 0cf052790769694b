"""What the demonstration sets up: in a folder that it has alone, with certificates of its own."""
from __future__ import annotations

from pathlib import Path

import click
import pytest

from certs import dev
from server.cli.demo import setup
from server.config import settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "var" / "demo"


def test_a_second_demonstration_is_refused_and_deletes_nothing(folder: Path) -> None:
    with setup.alone():
        setup.DATABASE.write_text("of the first")
        with pytest.raises(click.ClickException, match="another demonstration runs in .*var/demo; stop it"):
            with setup.alone():
                pytest.fail("both had the folder")
    assert setup.DATABASE.read_text() == "of the first"
    with setup.alone():
        pass


def test_it_leaves_the_certificates_of_others_alone_and_keeps_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("certificate", "key", "client_ca"):
        monkeypatch.setattr(settings, name, getattr(settings, name))
    with setup.alone():
        setup.DATABASE.write_text("of the last time")
        (folder / "devices-0.json").write_text("[]")
        setup.clear()
        first = setup.certificates(3)
        setup.clear()
        assert setup.certificates(3) == first and len(first) == 3
        assert {path.name for path in folder.iterdir()} == {"certs", "lock"}
    assert settings.certificate == "var/demo/certs/server.pem" and not dev.tree_error(Path("var/demo/certs"))
    assert not Path("certs").exists()
