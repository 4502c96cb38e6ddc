"""Suites: what to run, as TOML files that name every unknown key by line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bench.errors import InvalidInputError, SuiteError, UnknownNameError
from bench.registry import normalise

__all__ = ["Grid", "Suite", "load_suite", "parse_seeds", "parse_setting", "parse_settings", "suite_names"]

Settings = dict[str, dict[str, Any]]


def parse_seeds(text: str | int | Sequence[int]) -> list[int]:
    """Read seeds such as ``"0-4"``, ``"0,3,9116"`` or a list.

    Raises
    ------
    InvalidInputError
        If the text is something else.
    """
    if isinstance(text, int):
        return [text]
    if not isinstance(text, str):
        return list(text)
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        if not match:
            raise InvalidInputError(f"seeds '{text}' given; they are written like 0-4 or 0,3,9116")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last >= 2**32:
            raise InvalidInputError(f"seeds '{text}' given; a range runs upwards and a seed is below 2**32")
        seeds.extend(range(first, last + 1))
    return list(dict.fromkeys(seeds))


def parse_setting(text: str) -> tuple[str, str, Any]:
    """Read ``NAME.PARAMETER=VALUE``; the value as TOML where it is TOML, else as text.

    Raises
    ------
    InvalidInputError
        If it is written otherwise.
    """
    match = re.fullmatch(r"\s*([\w.:()-]+)\.(\w+)\s*=(.*)", text, flags=re.DOTALL)
    if not match:
        raise InvalidInputError(f"setting '{text}' given; it is written NAME.PARAMETER=VALUE, like fcmi.epochs=50")
    name, parameter, value = match[1], match[2], match[3].strip()
    try:
        return name, parameter, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, parameter, value


def parse_settings(text: str) -> tuple[str, str, list[Any]]:
    """Read ``NAME.PARAMETER=VALUE,VALUE``; values as :func:`parse_setting` reads one.

    Raises
    ------
    InvalidInputError
        If it is written otherwise.
    """
    head, _, values = text.partition("=")
    name, parameter, listed = parse_setting(f"{head}=[{values}]" if values.strip() else text)
    if isinstance(listed, list):
        return name, parameter, listed
    # Words without quotation marks are no TOML.
    return name, parameter, [parse_setting(f"{head}={value}")[2] for value in values.split(",")]


class Grid(BaseModel):
    """Methods x data sets x seeds, with settings of their own.

    Parameters
    ----------
    methods, datasets : list of str
        Registry names, or ``"all"``.
    seeds : list of int
        Written as a list or like ``"0-4"``.
    set : dict
        Parameters as on the command line: ``set.fcmi.epochs = 50``.
    vary : dict
        Parameters with several values each, ``vary.fcmi.alpha = [0.02, 0.04]``: every combination of them is run.
    """

    model_config = ConfigDict(extra="forbid")

    methods: list[str] = Field(min_length=1)
    datasets: list[str] = Field(min_length=1)
    seeds: Annotated[list[int], BeforeValidator(parse_seeds), Field(min_length=1)] = [0]
    set: Settings = Field(default_factory=dict)
    vary: dict[str, dict[str, Annotated[list[Any], Field(min_length=1)]]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _set_or_vary(self) -> Self:
        for name, parameters in self.vary.items():
            for parameter in parameters:
                if parameter in self.set.get(name, {}):
                    raise ValueError(f"{name}.{parameter} is both set and varied; leave one out")
        return self

    def variants(self) -> list[Grid]:
        """A grid for every combination of the varied parameters, each of which is then merely set."""
        axes = [(name, parameter, values) for name, held in self.vary.items() for parameter, values in held.items()]
        grids = []
        for combination in product(*(values for _, _, values in axes)):
            chosen = {name: dict(parameters) for name, parameters in self.set.items()}
            for (name, parameter, _), value in zip(axes, combination, strict=True):
                chosen.setdefault(name, {})[parameter] = value
            grids.append(self.model_copy(update={"set": chosen, "vary": {}}))
        return grids


class Suite(BaseModel):
    """A named set of runs.

    Parameters
    ----------
    name : str
        File name without ending.
    title : str
        One line for listings and tables.
    timeout : float or None
        Seconds a run may take.
    grid : list of Grid
        What to run.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    title: str = ""
    timeout: float | None = Field(default=None, gt=0)
    grid: list[Grid] = Field(min_length=1)

    def narrowed(self, methods: Sequence[str] = (), datasets: Sequence[str] = ()) -> Suite:
        """The part of the suite that runs `datasets`, and of that the part that runs `methods`; nothing named, all.

        A name that no grid has is run by all grids, with their seeds and settings.
        """
        grids = _narrowed(_narrowed(self.grid, "datasets", _names(datasets)), "methods", _names(methods))
        return self.model_copy(update={"grid": grids})


def _names(given: Sequence[str]) -> list[str]:
    return [normalise(part) for text in given for part in text.split(",") if part.strip()]


def _narrowed(grids: Sequence[Grid], axis: Literal["methods", "datasets"], asked: Sequence[str]) -> list[Grid]:
    if not asked:
        return list(grids)
    own = [_names(getattr(grid, axis)) for grid in grids]
    named = {name for names in own for name in names}
    kept = [[name for name in asked if name in names or "all" in names or name not in named] for names in own]
    return [grid.model_copy(update={axis: names}) for grid, names in zip(grids, kept, strict=True) if names]


def suite_names() -> list[str]:
    """Names of the suites that come with the benchmark."""
    folder = files("bench.suites")
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def load_suite(name: str) -> Suite:
    """Load a suite by name, or from a TOML file.

    Parameters
    ----------
    name : str
        One of :func:`suite_names`, or a path that ends in ``.toml``.

    Raises
    ------
    UnknownNameError
        If no suite has that name.
    SuiteError
        If the file is missing, is not TOML, or says something a suite cannot; with the line.
    """
    if name.endswith(".toml"):
        return _parse(name, _text(Path(name)), Path(name).stem)
    if name not in suite_names():
        raise UnknownNameError("suite", name, suite_names(), "--suite also takes a file that ends in .toml.")
    resource = files("bench.suites") / f"{name}.toml"
    return _parse(f"{name}.toml", resource.read_text(encoding="utf-8"), name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"suite file {path} cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _parse(source: str, text: str, name: str) -> Suite:
    try:
        return Suite.model_validate({"name": name, **tomllib.loads(text)})
    except tomllib.TOMLDecodeError as error:
        raise SuiteError(f"suite file {source} is not TOML: {error}") from None
    except ValidationError as error:
        raise SuiteError(_explain(source, text, error)) from None


def _explain(source: str, text: str, error: ValidationError) -> str:
    first = error.errors()[0]
    place, key = first["loc"], str(first["loc"][-1])
    line = _line_of(text, place)
    where = f"{source}, line {line}" if line else source
    if first["type"] == "extra_forbidden":
        model = Grid if "grid" in place else Suite
        try:
            raise UnknownNameError("key", key, [field for field in model.model_fields if field != "name"])
        except UnknownNameError as unknown:
            return f"{where}: {unknown}"
    return f"{where}: {'.'.join(map(str, place))}: {first['msg']}"


def _line_of(text: str, place: tuple[int | str, ...]) -> int | None:
    """The line that names the key at `place`: within its own ``[[grid]]``, since TOML's parser keeps no lines."""
    wanted = place[1] if len(place) > 1 and place[0] == "grid" else -1
    names = [str(part) for part in place if isinstance(part, str) and part != "grid"]
    grid, header = -1, None
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"\s*\[\[\s*grid\s*\]\]", line):
            grid += 1
            header = number if grid == wanted else header
        if (
            names
            and grid == wanted
            and re.match(rf"\s*\[*\s*[\"']?(?:\w+\.)*{re.escape(names[-1])}[\"']?\s*[.=\]]", line)
        ):
            return number
    return header
