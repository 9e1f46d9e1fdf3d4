"""Where settings are read from: flags over environment over profile over file over defaults, checked once."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from importer import profiles
from importer.model.errors import FixCommand
from importer.profiles import DEFAULT, Fault, Reference, nearest
from importer.settings.model import Notify, Settings, Sources

PREFIX = "IMPORTER_"
OF_PROFILES = ("file", "credentials")  # settings that stand in the file alone


def load(flags: Mapping[str, Any] | None = None, *, config: str | Path | None = None, every: bool = False) -> Settings:
    """Read every source once. ``flags``: settings by name, ``None`` meaning not given. Raises `FixCommand`.

    ``every``: the other profiles will be used too, so their mistakes are told with these.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    sources = Sources(given, profiles.read(config))
    file = sources.file
    profile = given.get("profile") or _environment().get("profile") or file.common.get("profile") or DEFAULT
    names = [str(profile), *(_everyone(file) if every else ())]
    return _loaded(sources, dict.fromkeys(names))[str(profile)]


def others(settings: Settings, names: Iterable[str]) -> dict[str, Settings]:
    """The settings of profiles by name, from what ``settings`` were read from; raises `FixCommand` for all of them."""
    wanted = [name for name in names if name != settings.profile]
    return {settings.profile: settings, **_loaded(settings._sources, wanted)}  # noqa: SLF001  they are ours


def everyone(settings: Settings) -> dict[str, Settings]:
    """The settings of every profile; of what stands above them too, if it is one. Raises as `filed` does."""
    sources = _of_all(settings)
    return _loaded(sources, _everyone(sources.file))


def filed(settings: Settings) -> dict[str, Settings]:
    """The settings of every profile that has a file. Raises `FixCommand`, with every mistake of all of them."""
    sources = _of_all(settings)
    file = sources.file
    if names := _with_files(file):
        return _loaded(sources, names)
    what = "no profile names a file" if file.profiles else "there are no profiles"
    raise FixCommand(f"{what} in {file.path}", hint='write [profiles.acme] and below it file = "acme.xlsx"')


def nightly(settings: Settings) -> list[str]:
    """The profiles that have a file and a cron line to sync it by."""
    file = settings._sources.file  # noqa: SLF001  they are ours
    return [name for name in _with_files(file) if file.profiles.get(name, {}).get("cron", file.common.get("cron"))]


def _of_all(settings: Settings) -> Sources:
    """Raises `FixCommand` when one profile was asked for beside all of them."""
    sources = settings._sources  # noqa: SLF001  they are ours
    if named := sources.given.get("profile"):
        raise FixCommand(f"--all takes every profile, and --profile {named} one", hint="leave one of them out")
    return sources


def _everyone(file: profiles.File) -> list[str]:
    above = DEFAULT not in file.profiles and (not file.profiles or file.common.get("file"))
    return [*([DEFAULT] if above else []), *file.profiles]


def _with_files(file: profiles.File) -> list[str]:
    return [name for name in _everyone(file) if file.profiles.get(name, file.common).get("file")]


def _loaded(sources: Sources, names: Iterable[str]) -> dict[str, Settings]:
    """Settings by profile; every mistake at once, each with the profile and the setting that it is in."""
    faults = [*sources.file.faults, *_unknown_environment()]
    found: dict[str, Settings] = {}
    for name in names:
        one = _one(sources, name)
        if isinstance(one, Settings):
            found[name] = one
        else:
            faults += one
    if faults:
        raise _refused(list(dict.fromkeys(faults)))
    return found


def _one(sources: Sources, name: str) -> Settings | list[Fault]:
    layers = sources.file.layers(name)
    if isinstance(layers, Fault):
        return [] if sources.file.faults else [layers]  # a file that cannot be read has no profiles
    environment, faults = _parsed(_environment())
    if faults:
        return faults
    try:
        settings = Settings(**{**layers, **environment, **sources.given, "profile": name})
    except ValidationError as error:
        return _explained(error, sources, name)
    settings._sources = sources  # noqa: SLF001  they are ours
    return settings


def _environment() -> dict[str, str]:
    """What the environment says, by setting; a variable that is empty says nothing."""
    ours = {variable: text for variable, text in os.environ.items() if variable.startswith(PREFIX) and text}
    said = {variable.removeprefix(PREFIX).lower(): text for variable, text in ours.items()}
    return {name: said[name] for name in Settings.model_fields if name in said and name not in OF_PROFILES}


def _parsed(texts: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """The values of settings, and what is wrong with them; those that have parts are written as JSON."""
    values: dict[str, Any] = dict(texts)
    faults = []
    for name in texts:
        if isinstance(Settings.model_fields[name].get_default(call_default_factory=True), tuple | dict | BaseModel):
            try:
                values[name] = json.loads(texts[name])
            except ValueError:
                what = f"{PREFIX}{name.upper()} is no JSON"
                faults.append(Fault(what, 'write a list as ["a", "b"], and a table as {"a": "b"}'))
    return values, faults


def _unknown_environment() -> list[Fault]:
    known = [name for name in Settings.model_fields if name not in OF_PROFILES]
    return [
        Fault(f"unknown setting in the environment: {variable}", _nearest(variable))
        for variable in os.environ
        if variable.startswith(PREFIX) and variable.removeprefix(PREFIX).lower() not in known
    ]


def _nearest(name: str) -> str:
    if not name.startswith(PREFIX):
        return nearest(name, Settings.model_fields, "settings")
    variables = [PREFIX + known.upper() for known in Settings.model_fields if known not in OF_PROFILES]
    return nearest(name.upper(), variables, "variables")


def _explained(error: ValidationError, sources: Sources, profile: str) -> list[Fault]:
    """Every mistake of one profile's settings; those of its own table say so."""
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        key = str(fault["loc"][0]) if fault["loc"] else ""
        path = [str(part) for part in fault["loc"]]
        own = key not in sources.given and sources.file.says(profile, key)
        where = f"profile {profile}: " if own else ""
        if fault["type"] == "extra_forbidden" and len(path) == 1:
            faults.append(Fault(f"{where}unknown setting: {key}", _nearest(key)))
        elif fault["type"] == "extra_forbidden":
            parts = Notify.model_fields if key == "notify" else Reference.model_fields
            hint = nearest(path[-1], parts, f"{key} has")
            faults.append(Fault(f"{where}unknown setting: {'.'.join(path)}", hint))
        else:
            name = ".".join(path).replace("_", "-")
            faults.append(Fault(f"{where}{name}: {fault['msg'].removeprefix('Value error, ')}"))
    return faults


def _refused(faults: list[Fault]) -> FixCommand:
    """All of them in one line, each with what to do."""
    if len(faults) == 1 and faults[0].hint:
        return FixCommand(faults[0].message, hint=faults[0].hint)
    told = [f"{fault.message}; {fault.hint}" if fault.hint else fault.message for fault in faults]
    return FixCommand(
        "; ".join(told),
        hint="importer run --help lists the settings; files and variables use the same names",
    )
