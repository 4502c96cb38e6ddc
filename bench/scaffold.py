"""Writes the file that a new method or data set begins with."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal

from bench.errors import InvalidInputError
from bench.registry import Registry, kind_title, normalise

__all__ = ["Draft", "draft", "home"]

Kind = Literal["method", "dataset"]


@dataclass(frozen=True)
class Draft:
    """An adapter that is about to be written.

    Parameters
    ----------
    name : str
        Registry name.
    path : Path
        File, which does not exist yet.
    text : str
        Its content.
    """

    name: str
    path: Path
    text: str

    def write(self) -> None:
        """Write the file, and its folder where that is missing.

        Raises
        ------
        InvalidInputError
            If the file has come up meanwhile, or the folder cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("x", encoding="utf-8") as stream:
                stream.write(self.text)
        except FileExistsError:
            raise _exists(self.path) from None
        except OSError as error:
            raise InvalidInputError(f"{self.path} cannot be written: {error.strerror}; name another folder") from error


def draft(kind: Kind, name: str, folder: Path) -> Draft:
    """Make a method or a data set that runs as it stands.

    Parameters
    ----------
    kind : {"method", "dataset"}
        Which template.
    name : str
        Registry name; hyphens and capitals are spelled as the registry spells them.
    folder : Path
        Where it is going to be, besides other adapters or not.

    Raises
    ------
    InvalidInputError
        If `name` cannot name a module and a class, or is taken, or the file exists.
    """
    spelled = normalise(name)
    if not re.fullmatch("[a-z][a-z0-9_]*", spelled) or keyword.iskeyword(spelled):
        guess = re.sub("[^a-z0-9]+", "_", name.lower()).strip("0123456789_")
        hint = "" if not guess or keyword.iskeyword(guess) else f"; '{guess}' would do"
        raise InvalidInputError(
            f"'{name}' cannot name a {kind_title(kind)}: a name begins with a letter, has letters, digits and "
            f"underscores, and is no word of Python's own{hint}"
        )
    path = folder / f"{spelled}.py"
    if path.exists():
        raise _exists(path)
    _refuse_taken(kind, spelled, folder)
    title = spelled.replace("_", " ").strip()
    text = (files("bench") / "templates" / f"{kind}.py.txt").read_text(encoding="utf-8")
    class_name = title.title().replace(" ", "")
    if re.search(rf"^(from|import) .*\b{class_name}\b", text, flags=re.MULTILINE):
        # A class of that name would hide what the file imports.
        class_name = f"My{class_name}"
    text = Template(text).substitute(name=spelled, title=title.capitalize(), class_name=class_name)
    return Draft(spelled, path, text)


def home(kind: Kind, working_folder: Path) -> Path | None:
    """Folder of the project's own adapters, if `working_folder` is inside a checkout of it; None if not."""
    for mounted in import_module(f"bench.{kind}s").__path__:
        folder = Path(mounted)
        # In an installed package it is not beside a pyproject.toml, but in bench/.
        if (folder.parent / "pyproject.toml").is_file() and working_folder.resolve().is_relative_to(folder.parent):
            return folder
    return None


def _refuse_taken(kind: Kind, name: str, folder: Path) -> None:
    found = Registry([folder] if folder.is_dir() else [])
    taken = {**found.datasets, **found.wrappers, **found.methods}
    if name == "truth" or name in taken:
        holder = f"by a {kind_title(taken[name].kind)} ({taken[name].origin})" if name in taken else "by the reference"
        free = next(offer for number in range(2, len(taken) + 3) if (offer := f"{name}_{number}") not in taken)
        raise InvalidInputError(f"the name '{name}' is taken {holder}; `bench new {kind} {free}` is free")


def _exists(path: Path) -> InvalidInputError:
    return InvalidInputError(f"{path} exists already and is left as it is; choose another name or another folder")
