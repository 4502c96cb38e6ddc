"""The author's manual: what to subclass to bring a method or a data set.

A method is one file with one class::

    from sklearn.cluster import MiniBatchKMeans
    from bench.adapters import Method
    from bench.metadata import MethodInfo

    class Quick(Method):
        info = MethodInfo(name="quick", title="Mini-batch k-means", inputs=("vector",))

        def __init__(self, n_clusters=8, *, batch_size=1024, random_state=None):
            self.n_clusters = n_clusters
            self.batch_size = batch_size
            self.random_state = random_state

        def fit(self, X, *, sensitive_features):
            X, groups = self.check_input(X, sensitive_features)
            model = MiniBatchKMeans(self.n_clusters, batch_size=self.batch_size, random_state=self.random_state)
            self.labels_ = model.fit(X).labels_
            return self

``bench new method NAME`` writes a longer one to start from; ``docs/adding-a-method.md`` leads from there to a row in
the table. Put it in ``methods/``, in any folder named with ``--plugins``, or in a package with an entry point in the
group ``fair_clustering_bench.methods``. What the harness relies on, and ``bench test NAME`` checks:

* ``info`` is a literal ``MethodInfo(...)``: it is read from the source without running it.
* ``__init__`` stores its parameters as given and does nothing else (scikit-learn's rule). The harness sets
  ``n_clusters`` to the number of classes and ``random_state`` to the run's seed; a method with parameters
  ``device`` and ``n_jobs`` receives the slot's device and share of cores.
* ``fit`` takes X and the sensitive attribute, never true labels, leaves both untouched, and prints nothing. It begins
  with :meth:`Method.check_input`, and gives the same on a fitted instance as on a new one.
* ``labels_`` is an integer array (n,) with values in 0 .. n_clusters - 1; fewer used clusters are allowed. A method
  that finds their number itself (``needs_k=False``) sets it as ``n_clusters_``.
* The same ``random_state`` gives the same labels on CPU; global random state is neither read nor changed.
* Heavy packages (torch) are imported inside ``fit``.

Optional, shown where present: ``embedding_`` (n, e), finite; ``soft_labels_`` (n, k), rows that sum to 1; and
``history_``, one row a call of :meth:`Method.log_epoch`, which also drives the live view and MLflow's curves.

A data set is one file with one class that subclasses :class:`Dataset` and returns a :class:`FairData`:
``bench new dataset NAME`` writes one, ``docs/adding-a-dataset.md`` explains it, and a package names it in the group
``fair_clustering_bench.datasets``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin

from bench.data.store import Store
from bench.errors import InvalidInputError, UnsupportedInputError
from bench.metadata import DataFile, DatasetInfo, MethodInfo

__all__ = ["Dataset", "FairData", "Method", "encode"]

EpochListener = Callable[[Mapping[str, float], int], None]


class Method(ClusterMixin, BaseEstimator):
    """Base class of every clustering method.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int
        Cluster of every sample, set by ``fit``.
    groups_ : ndarray of shape (T,)
        Distinct values of the sensitive attribute, in the order of the group ids, set by ``check_input``.
    history_ : list of dict
        What ``log_epoch`` was told: ``{"epoch": 0, "loss": ...}`` and so on.
    """

    info: ClassVar[MethodInfo]
    labels_: NDArray[np.integer]
    groups_: NDArray[Any]
    history_: list[dict[str, float]]
    # Not a parameter: the harness listens here, and clone() drops it.
    on_epoch: EpochListener | None = None

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Cluster `X` and set ``labels_``.

        Parameters
        ----------
        X : array-like of shape (n, d) or (n, channels, height, width)
            Samples, finite.
        sensitive_features : array-like of shape (n,)
            Sensitive attribute: any values; each distinct value is a group.

        Returns
        -------
        self
        """
        raise NotImplementedError(f"{type(self).__name__} does not define fit(X, *, sensitive_features)")

    def check_input(self, X: ArrayLike, sensitive_features: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Validate what ``fit`` was given; call it first.

        Parameters
        ----------
        X : array-like of shape (n, d) or (n, channels, height, width)
            Samples. Images are flattened unless ``info.inputs`` names ``"image"``.
        sensitive_features : array-like of shape (n,)
            Sensitive attribute.

        Returns
        -------
        X : ndarray, float32
            The samples; not a copy if they were float32 already, so do not write into it.
        groups : ndarray of shape (n,), int64
            Group ids 0 .. T - 1.

        Raises
        ------
        InvalidInputError
            NaN or infinite X, wrong shapes or lengths, fewer samples than clusters.
        UnsupportedInputError
            A number of groups that the method is not defined for.
        """
        samples = finite_samples(X)
        if samples.ndim == 4 and "image" not in self.info.inputs:
            samples = samples.reshape(len(samples), -1)
        groups, values = encode(sensitive_features, len(samples), "sensitive_features")
        k = getattr(self, "n_clusters", 1)
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InvalidInputError(f"n_clusters={k!r} given; it takes a whole number of at least 1")
        if len(samples) < k:
            raise InvalidInputError(
                f"{len(samples)} samples cannot form n_clusters={k} clusters; give more samples or fewer clusters"
            )
        refusal = self.info.refusal(len(values))
        if refusal:
            raise UnsupportedInputError(refusal)
        self.groups_ = values
        self.history_ = []
        return samples, groups

    def log_epoch(self, epoch: int, n_epochs: int, **values: float) -> None:
        """Record one epoch in ``history_`` and tell whoever listens.

        Parameters
        ----------
        epoch : int
            Index of the epoch that ended, from 0.
        n_epochs : int
            How many there will be.
        **values : float
            What to remember of it: losses, information terms. Never a score that needs true labels.
        """
        row = {"epoch": float(epoch), **{name: float(value) for name, value in values.items()}}
        self.history_.append(row)
        if self.on_epoch is not None:
            self.on_epoch(row, n_epochs)

    def log_epochs_of(self, inner: Method) -> None:
        """Record the epochs of another method, which this one starts from, as its own.

        Parameters
        ----------
        inner : Method
            Not fitted yet. After its epochs this method has at least one row of its own to add.
        """

        def take(row: Mapping[str, float], n_epochs: int) -> None:
            values = {name: value for name, value in row.items() if name != "epoch"}
            self.log_epoch(int(row["epoch"]), n_epochs + 1, **values)

        inner.on_epoch = take


class Dataset(BaseEstimator):
    """Base class of every data set; parameters as in scikit-learn, stored by ``__init__`` as given.

    Attributes
    ----------
    local_params : tuple of str
        Names of the parameters that hold the path of a file of the user's. Records keep the file's name only, so
        :meth:`origin` has to identify its content. Such a data set is run when it is named, not with ``all``.
    """

    info: ClassVar[DatasetInfo]
    local_params: ClassVar[tuple[str, ...]] = ()

    def load(self, store: Store) -> FairData:
        """Read and preprocess the data.

        Parameters
        ----------
        store : Store
            ``store.locate(file)`` gives the paths of a file of :meth:`files`; embedded data sets ignore it.

        Returns
        -------
        FairData

        Raises
        ------
        MissingDataError
            When a file is not there, with what to do.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define load(store)")

    def files(self) -> tuple[DataFile, ...]:
        """Files that these parameters need: ``info.files`` unless a data set says otherwise."""
        return self.info.files

    def origin(self) -> dict[str, str]:
        """What, besides parameters and code, decides the arrays: versions of packages that carry the data."""
        return {}

    def build_from_images(self, images: Path, out: Path) -> None:
        """Make the file that :meth:`load` reads from images; optional, for ``bench fetch NAME --from-images DIR``.

        Parameters
        ----------
        images : Path
            Folder of images, as the user has it.
        out : Path
            File to write, to stand for the first of :meth:`files`. The harness moves it into the cache once this has
            returned.

        Raises
        ------
        InvalidInputError
            If the data set is not made from images, or these are not the right ones.
        """
        raise InvalidInputError(f"'{self.info.name}' is not made from images; leave out --from-images {images}")

    @classmethod
    def portable(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        """`params` as they mean the same on any machine: of a local path only the file's name."""
        return {name: Path(value).name if name in cls.local_params else value for name, value in params.items()}


@dataclass(frozen=True)
class FairData:
    """Samples with a class and a group each.

    Build it with :meth:`from_arrays`, which checks and encodes.

    Parameters
    ----------
    X : ndarray of shape (n, d) or (n, channels, height, width), float32
        Samples.
    y : ndarray of shape (n,), int64, or None
        Class ids 0 .. k - 1, for evaluation only; None where there is no ground truth.
    sensitive : ndarray of shape (n,), int64
        Group ids 0 .. T - 1.
    class_names, group_names : tuple of str
        Names by id.
    k : int
        Number of clusters to ask for: the number of classes.
    note : str
        What these arrays were made from where that differs between machines (other files that do as well, features
        of other weights). Part of the content hash, and a footnote of every table.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64] | None
    sensitive: NDArray[np.int64]
    class_names: tuple[str, ...]
    group_names: tuple[str, ...]
    k: int
    note: str = ""

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,
        y: ArrayLike | None,
        sensitive: ArrayLike,
        *,
        class_names: Sequence[str] | None = None,
        group_names: Sequence[str] | None = None,
        k: int | None = None,
        note: str = "",
    ) -> FairData:
        """Check the arrays and encode classes and groups as ids.

        Parameters
        ----------
        X : array-like of shape (n, d) or (n, channels, height, width)
            Finite samples.
        y : array-like of shape (n,) or None
            Classes: any values. Without names, the distinct values sorted name the ids.
        sensitive : array-like of shape (n,)
            Groups: any values, for example strings or ids with gaps.
        class_names, group_names : sequence of str, optional
            Names by position, when `y` or `sensitive` already holds positions into them.
        k : int, optional
            Number of clusters to ask for; defaults to the number of classes.
        note : str
            See :class:`FairData`.

        Raises
        ------
        InvalidInputError
            NaN or infinite X, arrays of different lengths, no samples, no classes and no `k`.
        """
        samples = finite_samples(X)
        groups, group_values = encode(sensitive, len(samples), "sensitive")
        if y is None and k is None:
            raise InvalidInputError("neither classes y nor k given: say how many clusters to look for, for example k=5")
        classes, class_values = (None, np.empty(0)) if y is None else encode(y, len(samples), "y")
        return cls(
            X=samples,
            y=classes,
            sensitive=groups,
            class_names=_names(class_values, class_names),
            group_names=_names(group_values, group_names),
            k=len(class_values) if k is None else k,
            note=note,
        )

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.X)

    @property
    def n_groups(self) -> int:
        """Number of groups T."""
        return len(self.group_names)

    def content_hash(self) -> str:
        """sha256 over arrays, shapes, dtypes and note: equal data, equal hash, on any machine."""
        digest = hashlib.sha256(f"{self.k}{self.note}".encode())
        for array in (self.X, self.y, self.sensitive):
            if array is None:
                digest.update(b"none")
                continue
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def finite_samples(X: ArrayLike) -> NDArray[np.float32]:
    """`X` as float32 of two or four dimensions, refused if it holds NaN, infinities or nothing."""
    try:
        samples = np.asarray(X, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"X is not numeric: {error}; encode categories as numbers first") from None
    if samples.ndim not in (2, 4):
        raise InvalidInputError(
            f"X has shape {samples.shape}; it takes (n, d) for vectors or (n, channels, height, width) for images"
        )
    if samples.size == 0:
        raise InvalidInputError(f"X has shape {samples.shape}: there is nothing to cluster")
    bad = int(np.size(samples) - np.count_nonzero(np.isfinite(samples)))
    if bad:
        raise InvalidInputError(f"X holds {bad} NaN or infinite values; drop these samples or impute them first")
    return samples


def encode(values: ArrayLike, n: int, name: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Ids 0 .. m - 1 for the m distinct `values`, and these in sorted order.

    Raises
    ------
    InvalidInputError
        Wrong shape or length, or missing values (NaN, None).
    """
    # Through object, since numpy would turn a missing value among strings into the string "nan".
    array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=object)
    if array.shape != (n,):
        raise InvalidInputError(f"{name} has shape {array.shape}; it takes one value for each of the {n} samples")
    if array.dtype == object:
        missing = sum(value is None or value != value for value in array)
        array = array.astype(str) if any(isinstance(value, str) for value in array) else np.asarray(array.tolist())
    else:
        missing = int(np.count_nonzero(array != array))
    if missing:
        raise InvalidInputError(f"{name} lacks a value for {missing} samples; drop or name them")
    distinct, ids = np.unique(array, return_inverse=True)
    return ids.astype(np.int64), distinct


def _names(values: NDArray[Any], names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return tuple(str(value) for value in values)
    return tuple(names[int(value)] for value in values)
