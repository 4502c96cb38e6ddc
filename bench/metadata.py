"""What an adapter says about itself.

Metadata are literals in the class body, so that the registry reads them from the source file: ``bench list``
answers without importing scikit-learn, torch or any adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

__all__ = ["NOT_THE_PAPERS", "REFERENCE_INFO", "DataFile", "DatasetInfo", "MethodInfo"]

# In the note of data that are other than those behind the published numbers: no verdict compares figures on them.
NOT_THE_PAPERS = "not of the weights that the paper uses"

Family = Literal["control", "shallow", "deep"]
Kind = Literal["vector", "image", "counts"]


@dataclass(frozen=True)
class MethodInfo:
    """Metadata of a method.

    Parameters
    ----------
    name : str
        Registry name: lower case, digits and underscores.
    title : str
        Name in tables.
    reference : str
        Authors, title, venue, year; empty for a control.
    doi : str
        DOI, or a stable identifier where the paper has none.
    family : {"control", "shallow", "deep"}
        Controls show what the metrics mean; deep methods train a network.
    inputs : tuple of {"vector", "image"}
        What ``fit`` takes. Images are flattened for a method that takes vectors only.
    min_groups, max_groups : int
        Numbers of groups T that the method is defined for; ``max_groups=None`` means any.
    needs_k : bool
        Whether the number of clusters is given to the method. All runs hand it the number of classes.
    uses_sensitive : bool
        Whether ``fit`` reads the sensitive attribute.
    stochastic : bool
        Whether labels depend on ``random_state``.
    status : {"published", "reconstructed"}
        ``"reconstructed"`` where no code and no full text was public: parts are our choice.
    published_as : str or None
        The row of the FCMI paper's tables that this method stands beside.
    notes : tuple of str
        Footnotes for every table that shows the method.
    requires : tuple of str
        Packages the method imports inside ``fit``.
    wraps : bool
        Whether it starts from the clusters of another method, see :mod:`bench.composition`. It is called
        ``name(other)`` then, and its name may be that of a method that stands alone.
    quick : dict
        Parameters with which ``fit`` ends within a second on a hundred samples, for the conformance checks.
    """

    name: str
    title: str
    reference: str = ""
    doi: str = ""
    family: Family = "shallow"
    inputs: tuple[Literal["vector", "image"], ...] = ("vector",)
    min_groups: int = 1
    max_groups: int | None = None
    needs_k: bool = True
    uses_sensitive: bool = False
    stochastic: bool = True
    status: Literal["published", "reconstructed"] = "published"
    published_as: str | None = None
    notes: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    wraps: bool = False
    quick: Mapping[str, Any] = field(default_factory=dict)

    def refusal(self, n_groups: int) -> str | None:
        """Why this method cannot run on data with `n_groups` groups, or None if it can."""
        if n_groups < self.min_groups:
            return f"{self.title} needs at least {self.min_groups} groups, the data have {n_groups}"
        if self.max_groups is not None and n_groups > self.max_groups:
            return f"{self.title} is defined for at most {self.max_groups} groups, the data have {n_groups}"
        return None


@dataclass(frozen=True)
class DataFile:
    """One file that a data set reads.

    Parameters
    ----------
    path : str
        Where it lies, relative to a data folder.
    url : str
        Where its owners offer it: for a download, or with `manual` for a person.
    checksum : str
        ``"sha256:..."``, or ``"md5:..."`` or ``"gitblob:..."`` where only that is published; empty where every such
        file is another, as features that users make themselves.
    bytes : int
        Size; 0 where it is not known.
    what : str
        What it is, in a few words, for the line that says it is missing.
    manual : str
        What a person has to do to get it; empty where `url` can be downloaded.
    instead : tuple of tuple of DataFile
        Sets of files that do as well, in order of preference.
    """

    path: str
    url: str
    checksum: str = ""
    bytes: int = 0
    what: str = ""
    manual: str = ""
    instead: tuple[tuple[DataFile, ...], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a path that leads out of the data folder.

        Raises
        ------
        ValueError
            For an absolute one, and one with ``..`` in it.
        """
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"DataFile({self.path!r}) leads out of the data folder; name a path inside it")


@dataclass(frozen=True)
class DatasetInfo:
    """Metadata of a data set.

    Parameters
    ----------
    name : str
        Registry name: lower case, digits and underscores.
    title : str
        Name in tables.
    target : str
        What the classes are; they serve evaluation only.
    sensitive : str
        What the groups are.
    kind : {"vector", "image", "counts"}
        Layout of X: (n, d), or (n, channels, height, width) for images.
    n, k, n_groups : int or None
        Samples, classes and groups with default parameters; None where parameters decide.
    reference, doi, licence : str
        Where the data come from and what one may do with them.
    files : tuple of DataFile
        Files outside the installed packages; empty for embedded data.
    published_as : str or None
        The column of the FCMI paper's Table 1 that this data set stands beside.
    notes : tuple of str
        Footnotes for every table that shows the data set.
    synthetic : bool
        Drawn from a random generator: left out of ``--datasets all``.
    own_file : bool
        Reads a file that the user names with a parameter: left out of ``--datasets all``.
    """

    name: str
    title: str
    target: str
    sensitive: str
    kind: Kind = "vector"
    n: int | None = None
    k: int | None = None
    n_groups: int | None = None
    reference: str = ""
    doi: str = ""
    licence: str = ""
    files: tuple[DataFile, ...] = ()
    published_as: str | None = None
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    own_file: bool = False


# The true labels, scored beside the methods: what the metrics say of a perfect match.
REFERENCE_INFO = MethodInfo(
    name="truth",
    title="True labels (reference)",
    family="control",
    inputs=("vector", "image"),
    stochastic=False,
    notes=("True labels: computed by the harness as a reference; no method has a way to them.",),
)
