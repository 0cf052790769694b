"""Verbs of certificates: dry runs leave the tree as it is, and what cannot be undone asks first."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certs import dev
from server.cli import main


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    dev.make_dev(tmp_path / "tree", 1)
    return tmp_path / "tree"


def contents(path: Path) -> dict[str, bytes]:
    files = (file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["certs", *words], catch_exceptions=False)


@pytest.mark.parametrize("words", [
    "dev --devices 2", "dev --force", "device another", "revoke {tree}/device-1.pem"])
def test_a_dry_run_shows_the_same_and_changes_nothing(tree: Path, words: str) -> None:
    before = contents(tree)
    result = run(*words.format(tree=tree).split(), "--path", str(tree), "--dry-run", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)
    assert "nothing was changed" in result.stderr and contents(tree) == before
    assert all(str(tree) in line for line in result.stdout.splitlines() if "/" in line)


@pytest.mark.parametrize("words", ["dev --force", "revoke {tree}/device-1.pem"])
def test_what_cannot_be_undone_is_refused_without_yes(tree: Path, words: str) -> None:
    before = contents(tree)
    command = [*words.format(tree=tree).split(), "--path", str(tree)]
    result = run(*command)
    assert result.exit_code == 2 and "--yes" in result.stderr and contents(tree) == before
    assert run(*command, "--yes").exit_code == 0 and contents(tree) != before


def test_a_first_tree_is_made_without_a_question(tmp_path: Path) -> None:
    assert run("dev", "--force", "--devices", "1", "--path", str(tmp_path / "new")).exit_code == 0
