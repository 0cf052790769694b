"""What `serve` makes ready before it begins."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from server import clock, models
from server.cli import main, run
from server.config import settings
from server.resources import reindexing, render, store
from tests.peers import Peer


def prepare() -> None:
    settings.clock = clock.spec()
    run.prepare()
    models.connect()


def rates(device: Peer) -> tuple[int | None, int]:
    return device.get("/edev/1").data.get("postRate"), device.get("/edev/1/dstat").data["pollRate"]


def test_rates_that_settings_change_reach_what_is_stored(device: Peer) -> None:
    prepare()
    settings.post_rate, settings.poll_rate = 60, 77
    assert rates(device) == (None, 300)
    prepare()
    assert rates(device) == (60, 77)


def test_what_an_earlier_release_has_stored_is_rendered_again(device: Peer) -> None:
    """It gave every EndDevice a postRate."""
    saved = dict(settings.__dict__)
    settings.post_rate = 300
    store.apply_rates()
    settings.__dict__.update(saved)
    assert rates(device) == (300, 300)
    prepare()
    assert rates(device) == (None, 300)


def test_nothing_is_rendered_again_without_need(device: Peer) -> None:
    prepare()
    models.Document.update(body=b">untouched").where(models.Document.href == "/edev/1/dstat").execute()
    prepare()
    assert models.Document.get_by_id("/edev/1/dstat").body == b">untouched"


def test_another_profile_is_rendered_in_parts_and_goes_on_where_it_was_interrupted(
    device: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare()
    settings.profile = "2030.5-2023"
    monkeypatch.setattr(reindexing, "CHUNK", 3)
    parts: list[list[str]] = []

    def rerender(hrefs: list[str]) -> list[str]:
        if len(parts) == 2:
            raise KeyboardInterrupt
        parts.append(hrefs)
        return render.rerender(hrefs)

    monkeypatch.setattr(reindexing, "render", SimpleNamespace(rerender=rerender))
    with pytest.raises(KeyboardInterrupt):
        prepare()
    monkeypatch.setattr(reindexing, "render", SimpleNamespace(
        rerender=lambda hrefs: (parts.append(hrefs), render.rerender(hrefs))[1]))
    prepare()
    rendered = [href for part in parts for href in part]
    assert max(map(len, parts)) == 3 and len(rendered) == len({*rendered})  # the third part was begun anew
    assert {*rendered} == {document.href for document in models.Document.select()}
    assert store.reindex() == 0
    parts.clear()
    prepare()
    assert not parts


@pytest.mark.parametrize("words", ["device list", "vder create A", "work --once", "audit tail"])
def test_a_command_says_where_it_looked_for_a_database_that_is_not_there(words: str, tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    arguments, saved = ["--set", f"database=sqlite:///{path}"], dict(settings.__dict__)
    try:
        result = CliRunner().invoke(main, [*arguments, *words.split()])
        assert result.exit_code == 1 and f"there is no database {path}" in result.output
        assert "counterpoise init" in result.output and not path.exists()
        made = CliRunner().invoke(main, [*arguments, "init"])
        assert (made.exit_code, made.output) == (0, f"The database sqlite:///{path} is ready.\n")
        assert CliRunner().invoke(main, [*arguments, *words.split()]).exit_code == 0
    finally:
        models.db.close()
        settings.__dict__.clear()
        settings.__dict__.update(saved)


def test_a_dry_run_of_init_tells_and_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "database", f"sqlite:///{tmp_path}/c.db")

    def told() -> str:
        result = CliRunner().invoke(main, ["init", "--dry-run"], catch_exceptions=False)
        models.db.close()
        return result.stdout
    assert "would be made" in told() and not (tmp_path / "c.db").exists()
    assert CliRunner().invoke(main, ["init"], catch_exceptions=False).exit_code == 0
    assert "is up to date" in told()
    models.connect(f"sqlite:///{tmp_path}/c.db")
    models.db.execute_sql("DELETE FROM schema_migration WHERE name LIKE '0005%'")
    assert "would be upgraded by 0005" in told()
