"""FCMI of several restarts, the one kept chosen without labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from bench.metadata import MethodInfo

from ._deep.parameters import check_at_least, check_choice, seeds
from .fcmi import FCMI

__all__ = ["FCMIRestarts"]

Row = Mapping[str, float]

CRITERIA: dict[str, Callable[[Row], float]] = {
    "information": lambda row: row["mi_xc_given_g"] - row["mi_gc"],
    "objective": lambda row: -row["loss"],
}


class FCMIRestarts(FCMI):
    """The best of R fits of :class:`FCMI` by a sign that needs no labels.

    Fits of FCMI differ by their seed. This one makes `n_restarts` of them, as k-means does, and keeps the one with the
    largest sign at the end of its training. The fit that is kept is what ``FCMI`` with that seed gives.

    Parameters
    ----------
    n_clusters : int
        Number of clusters K.
    n_restarts : int
        Fits R.
    criterion : {"information", "objective"}
        Sign of a fit, read in the last row of its history: what the paper sets out to maximise, I(X;C|G) - I(G;C)
        (Eq. 1), or minus the weighted loss that training minimised (Eq. 12), reconstruction included.
    settings, alpha, beta, balance_weight, tau, epochs, warmup_epochs, batch_size, learning_rate, embedding_dim
        As of :class:`FCMI`.
    final_kmeans, device, precision, random_state
        As of :class:`FCMI`; the restarts' seeds are drawn from `random_state`.

    Attributes
    ----------
    labels_, soft_labels_, embedding_, centres_, network_, precision_
        As of :class:`FCMI`, of the fit that was kept.
    history_ : list of dict
        Epochs of all fits, one after the other, with ``restart``, the fit's number from 0.
    signs_ : ndarray of shape (R,), float64
        Sign of every fit.
    kept_ : int
        Number of the fit that was kept.

    References
    ----------
    Zeng, Li, Hu, Peng, Lv and Peng, "Deep Fair Clustering via Maximizing and Minimizing Mutual Information: Theory,
    Algorithm and Metric", CVPR 2023, pp. 23986-23995, doi:10.48550/arXiv.2209.12396.
    """

    info = MethodInfo(
        name="fcmi_restarts",
        title="FCMI, best of R",
        reference="Zeng, Li, Hu, Peng, Lv and Peng, Deep Fair Clustering via Maximizing and Minimizing Mutual "
        "Information: Theory, Algorithm and Metric, CVPR 2023",
        doi="10.48550/arXiv.2209.12396",
        family="deep",
        inputs=("vector", "image"),
        uses_sensitive=True,
        published_as="FCMI",
        notes=("Of R fits the one with the largest I(X;C|G) - I(G;C), which takes no labels; not part of the paper.",),
        requires=("torch",),
        quick={"n_restarts": 2, "epochs": 3, "warmup_epochs": 1, "batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_restarts: int = 5,
        criterion: str = "information",
        settings: str = "official",
        alpha: float = 0.04,
        beta: float = 0.20,
        balance_weight: float = 1.0,
        tau: float = 0.1,
        epochs: int = 300,
        warmup_epochs: int = 20,
        batch_size: int = 512,
        learning_rate: float | None = None,
        embedding_dim: int | None = None,
        final_kmeans: bool = False,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | None = None,
    ) -> None:
        super().__init__(
            n_clusters,
            settings=settings,
            alpha=alpha,
            beta=beta,
            balance_weight=balance_weight,
            tau=tau,
            epochs=epochs,
            warmup_epochs=warmup_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            embedding_dim=embedding_dim,
            final_kmeans=final_kmeans,
            device=device,
            precision=precision,
            random_state=random_state,
        )
        self.n_restarts = n_restarts
        self.criterion = criterion

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Train R times and keep one; see :meth:`Method.fit`.

        Raises
        ------
        InvalidInputError
            For parameters out of range, or if training diverges.
        UnsupportedInputError
            For images that are not square with a side divisible by 4.
        """
        check_at_least(1, n_restarts=self.n_restarts)
        check_choice("criterion", self.criterion, CRITERIA)
        self.check_input(X, sensitive_features)
        signs: list[float] = []
        for number, seed in enumerate(seeds(self.random_state, self.n_restarts)):
            restart = self._restart(number, seed).fit(X, sensitive_features=sensitive_features)
            sign = CRITERIA[self.criterion](restart.history_[-1])
            # Only the best so far is held: a network may take hundreds of megabytes.
            if not signs or sign > max(signs):
                self._take(restart)
                self.kept_ = number
            signs.append(sign)
        self.signs_ = np.array(signs)
        return self

    def _restart(self, number: int, seed: int) -> FCMI:
        """A plain FCMI whose epochs are logged as ours."""
        own = FCMI().get_params()
        plain = FCMI(
            **{name: value for name, value in self.get_params().items() if name in own} | {"random_state": seed}
        )

        def log(row: Row, passes: int) -> None:
            values = {name: value for name, value in row.items() if name != "epoch"}
            epoch = number * passes + int(row["epoch"])
            self.log_epoch(epoch, self.n_restarts * passes, restart=number, **values)

        plain.on_epoch = log
        return plain

    def _take(self, restart: FCMI) -> None:
        """Everything that `restart` has fitted, but its history."""
        for name, value in vars(restart).items():
            if name.endswith("_") and name != "history_":
                setattr(self, name, value)
