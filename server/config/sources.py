"""The settings in force, and where each value comes from.

Later sources win: the default, a TOML file (`counterpoise.toml` in the working directory, or the file that
COUNTERPOISE_CONFIG names), the environment (`COUNTERPOISE_PORT=8443`), the command line (`--set port=8443`).
"""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from server.config import contradictions
from server.config.declarations import SETTINGS
from server.config.setting import BadSettings, Value

PREFIX = "COUNTERPOISE_"
CONFIG, FOR_TESTS = f"{PREFIX}CONFIG", f"{PREFIX}TEST_"  # the variables of this prefix that are not settings
SERVER, TOKEN, CA = (f"{PREFIX}{name}" for name in ("SERVER", "TOKEN", "CA"))  # of a remote command line
DEFAULT, FILE, ENVIRONMENT, OPTION, PROGRAM = "default", "file", "environment", "option", "program"
_NEW_NAMES = {setting.was: setting.name for setting in SETTINGS.values() if setting.was}


@dataclass(frozen=True)
class Source:
    """Where a value comes from.

    `place` is the file and key, the variable or the option; `name` is the name of the setting there.
    """
    kind: str = DEFAULT
    place: str = ""
    name: str = ""


class Settings:
    """The settings in force, as attributes. Assigning to one checks the value (ValueError)."""

    _sources: Mapping[str, Source]
    _faults: Sequence[str]

    def __init__(self, environ: Mapping[str, str] = os.environ, strict: bool = True):
        """Read the sources. With `strict`, BadSettings where a value is refused."""
        self.read(environ)
        if strict:
            self.require()

    def read(self, environ: Mapping[str, str]) -> None:
        """Read everything again. Refused values are left at their defaults, and reported by `require`."""
        self.__dict__.update({name: setting.default for name, setting in SETTINGS.items()}, _sources={})
        faults: list[str] = []
        for value in [*_of_file(environ, faults), *_of_environment(environ)]:
            try:
                self.set(value.source.name, value.value, value.source)
            except ValueError as error:
                faults.append(str(error))
        self.__dict__["_faults"] = faults

    def require(self, files: bool = False) -> None:
        """Raise BadSettings with every fault of the sources, or else with every contradiction.

        With `files`, also for files without which devices cannot be served.
        """
        faults = [*self._faults] or [*contradictions.contradictions(self)]
        if files and not faults:
            faults = [*contradictions.missing_files(self)]
        if faults:
            raise BadSettings(faults)

    def set(self, name: str, value: object, source: Source | None = None) -> None:
        """Set a setting. ValueError with place, reason and remedy for an unknown name or a refused value."""
        source = source or Source(PROGRAM, name, name)
        new_name = _NEW_NAMES.get(name, name)
        if new_name not in SETTINGS:
            raise ValueError(f"{source.place}: no setting is called {name!r}.{_nearest(name)} "
                             "`counterpoise settings` lists them all.")
        earlier = self.source(new_name)
        if earlier.kind == source.kind and earlier.name != source.name:
            raise ValueError(f"{source.place}: {earlier.place} is the same setting. Keep {new_name} alone.")
        try:
            self.__dict__[new_name] = SETTINGS[new_name].parse(value)
        except ValueError as error:
            raise ValueError(f"{source.place}: {error}") from None
        self.__dict__["_sources"] = {**self._sources, new_name: source}

    def source(self, name: str) -> Source:
        """Return where the value of a setting comes from."""
        return self._sources.get(name, Source())

    def is_set(self, name: str) -> bool:
        """Return whether any source sets it, even to its default."""
        return self.source(name).kind != DEFAULT

    def place(self, name: str) -> str:
        """Return the place where a setting is set; its name where it is at its default."""
        return self.source(name).place or name

    def outdated(self) -> list[str]:
        """Return a sentence for each value in force that was set by the name of an earlier release."""
        return [f"{source.place}: {source.name} is called {name} now. The next release refuses the old name."
                for name, source in self._sources.items() if source.name in _NEW_NAMES]

    def environment(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the environment by which another process gets these settings."""
        values = {PREFIX + name.upper(): str(getattr(self, name)) for name in self._sources}
        return {key: text for key, text in environ.items() if not _is_setting(key)} | values

    def __setattr__(self, name: str, value: Value) -> None:
        if name not in SETTINGS:
            raise AttributeError(f"no setting is called {name!r}")
        self.set(name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no setting is called {name!r}")


class _SourceValue(NamedTuple):
    """A value as a source has it."""
    value: object
    source: Source


def _of_file(environ: Mapping[str, str], faults: list[str]) -> Iterator[_SourceValue]:
    """Yield the values of the file; faults of the file as a whole are added to `faults`."""
    path = Path(environ.get(CONFIG, "counterpoise.toml"))
    table: dict[str, object] = {}
    try:
        table = _of_toml(path.read_text())
    except FileNotFoundError:
        if CONFIG in environ:
            faults.append(f"{CONFIG}: there is no file {path}. Name a TOML file, or unset the variable.")
    except OSError as error:
        faults.append(f"{path}: it cannot be read: {error.strerror}. Give this user the right to read it, "
                      f"or name another file in {CONFIG}.")
    except ValueError as error:
        faults.append(f"{path}: it is not TOML: {error}. Write NAME = VALUE in each line, texts in quotes.")
    for name, value in table.items():
        yield _SourceValue(value, Source(FILE, f"{path}: {name}", name))


def _of_toml(text: str) -> dict[str, object]:
    import tomllib  # where there is a file
    return tomllib.loads(text)


def _of_environment(environ: Mapping[str, str]) -> Iterator[_SourceValue]:
    for key, text in environ.items():
        if _is_setting(key):
            yield _SourceValue(text, Source(ENVIRONMENT, key, key.removeprefix(PREFIX).lower()))


def _is_setting(key: str) -> bool:
    return key.startswith(PREFIX) and key not in (CONFIG, SERVER, TOKEN, CA) and not key.startswith(FOR_TESTS)


def _nearest(name: str) -> str:
    import difflib  # for a slip alone
    names = difflib.get_close_matches(name, [*SETTINGS, *_NEW_NAMES], 1)
    return f" Did you mean {_NEW_NAMES.get(names[0], names[0])}?" if names else ""
