"""Documentation is held to the code: commands, settings, links, and the length of the front page."""
from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from clients.simulation import fleet
from server.cli import main
from server.config import SETTINGS

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in ROOT.rglob("*.md") if not any(
    part in ("var", "build") or part.startswith(".") for part in path.relative_to(ROOT).parts))
FRONT_PAGE_LINES = 50  # a screen
PROGRAMS: dict[str, click.Command] = {"counterpoise": main, "python -m clients": fleet.main}
FILE = re.compile(r"[\w/-]+\.(csv|bin|xml|json|jsonl|pem)|FILE")
OTHER_VARIABLES = {"CA", "CONFIG", "SERVER", "TOKEN", "TEST_POSTGRES"}


class Line(NamedTuple):
    """One command line of a page: `number` is its line there."""
    page: Path
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.number}"


def code(page: Path) -> Iterator[Line]:
    """The lines of a page's code blocks, fenced or indented; a line that ends with a backslash goes on in the
    next."""
    fenced, held = False, ""
    for number, text in enumerate(page.read_text().splitlines(), 1):
        if text.startswith("```"):
            fenced = not fenced
        elif fenced or text.startswith("    "):
            held += text.strip().removeprefix("$ ")
            if held.endswith("\\"):
                held = held[:-1]
                continue
            yield Line(page, number, held)
        held = ""


def commands() -> Iterator[Line]:
    """Every call of one of our programs: in code blocks and in sentences."""
    for page in PAGES:
        for line in code(page):
            if line.text.startswith(tuple(f"{program} " for program in PROGRAMS)):
                yield line
        for number, text in enumerate(page.read_text().splitlines(), 1):
            for call in re.findall(r"`(counterpoise [^`…]+)`", text):
                yield Line(page, number, call)


def words_of(text: str) -> tuple[click.Command, list[str]]:
    """The program that a command line calls, and its arguments; a comment and what follows a pipe are left
    out."""
    name = next(name for name in PROGRAMS if text.startswith(name))
    words = shlex.split(text.removeprefix(name), comments=True)
    return PROGRAMS[name], words[:words.index("|")] if "|" in words else words


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Parse a command line as click does, down to the last subcommand, and run nothing. ClickException if it
    is wrong."""
    with command.make_context(command.name, list(words), parent=parent) as context:
        if isinstance(command, click.Group):
            remaining = [*getattr(context, "_protected_args", ()), *context.args]
            _, chosen, remaining = command.resolve_command(context, remaining)
            assert chosen is not None
            parse(chosen, remaining, context)


@pytest.mark.parametrize("line", [*commands()], ids=str)
def test_a_command_in_the_documentation_exists_with_its_options(line: Line, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("server.cli.common.ask", lambda question: None)
    command, words = words_of(line.text)
    for word in words:
        if FILE.fullmatch(word):
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            Path(word).touch()
    Path("certs/dev").mkdir(parents=True, exist_ok=True)
    Path("certs/dev/ca.pem").touch()
    try:
        parse(command, words)
    except click.ClickException as error:
        pytest.fail(f"{line}: {line.text}: {error.format_message()}")


@pytest.mark.parametrize("wrong", ["counterpoise vder crate x", "counterpoise vder create x --rulez y",
                                   "counterpoise dispatch x --watts many --duration "
                                   "1h", "counterpoise work harder",
                                   "counterpoise --as bob plan "
                                   "approve", "python -m clients --skipp x"])
def test_a_command_that_does_not_exist_is_found(wrong: str) -> None:
    with pytest.raises(click.ClickException):
        parse(*words_of(wrong))


def test_commands_are_found_in_blocks_and_sentences() -> None:
    lines = {line.text for line in commands()}
    assert len(lines) > 100
    assert "counterpoise reindex" in lines
    assert any(text.startswith("counterpoise certs verify certs/dev/my-inverter.pem") for text in lines)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text()
    named = {*re.findall(r"\bsettings? `(\w+)", text), *re.findall(r"--set (\w+)=", text)}
    variables = {name.lower() for name in re.findall(r"\bCOUNTERPOISE_([A-Z_]+)\b", text)
                 if name not in OTHER_VARIABLES}
    assert (named | variables) - {"name", "NAME"} - SETTINGS.keys() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_and_extras_that_a_page_names_exist(page: Path) -> None:
    lines = [line.text for line in code(page)] + re.findall(r"`(make [^`]*)`", page.read_text())
    named = {match[1] for text in lines if (match := re.match(r"make ([a-z][\w-]*)", text))}
    targets = {*re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}
    assert named - targets == set()
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = {
        extra
        for group in re.findall(r"counterpoise\[([\w,]+)\]", page.read_text())
        for extra in group.split(",")
    }
    assert extras - {*setup["options.extras_require"]} == set()


def anchor(heading: str) -> str:
    """The anchor of a heading, as hosting sites make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        if not other.exists():
            broken.append(target)
        elif fragment:
            headings = re.findall(r"^#+ (.*)", other.read_text(), re.MULTILINE)
            broken += [target] if fragment not in map(anchor, headings) else []
    assert broken == []


def test_every_page_is_reached_from_the_front_page() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for target in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text()):
            other = (page.parent / target).resolve()
            if other not in reached and other.exists():
                waiting.append(other)
    assert [str(page.relative_to(ROOT)) for page in PAGES if page not in reached] == []


def test_the_front_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= FRONT_PAGE_LINES
