"""A mixture of Gaussian distributions."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.metadata import MethodInfo

from ._baseline import Baseline
from ._deep.parameters import check_at_least, check_choice, check_positive

__all__ = ["GaussianMixtures"]


class GaussianMixtures(Baseline):
    """A mixture of Gaussian distributions fitted by expectation-maximisation, as scikit-learn's ``GaussianMixture``.

    Parameters
    ----------
    n_clusters : int
        Number of components.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Shape of the distributions.
    n_init : int
        Restarts, each from k-means.
    max_iter : int
        Most iterations of a restart.
    reg_covar : float
        Added to the variances, above 0.
    features : {"raw", "ae"}
        Cluster the samples as they are, or their embedding by the auto-encoder of ``ae_kmeans`` with the same seed.
    n_components : int, optional
        Principal components to reduce the features to first; all features when None.
    ae_epochs : int
        Epochs of the auto-encoder.
    ae_batch_size : int, optional
        Its batch size; the recipe's when None.
    device : str
        Where the auto-encoder is trained: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    random_state : int, optional
        Seed of restarts, principal components and auto-encoder.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Likeliest component of every sample.
    soft_labels_ : ndarray of shape (n, n_clusters), float64
        Probabilities of the components.
    embedding_ : ndarray of shape (n, e), float32
        What was clustered.
    history_ : list of dict
        The auto-encoder's epochs, if any, then one row: ``log_likelihood`` a sample, ``iterations``, ``converged``.

    References
    ----------
    Dempster, Laird and Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", Journal of the Royal
    Statistical Society B 39, 1977, doi:10.1111/j.2517-6161.1977.tb01600.x.
    """

    info = MethodInfo(
        name="gaussian_mixture",
        title="Gaussian mixture",
        reference="Dempster, Laird and Rubin, Maximum Likelihood from Incomplete Data via the EM Algorithm, Journal of "
        "the Royal Statistical Society B 39, 1977",
        doi="10.1111/j.2517-6161.1977.tb01600.x",
        inputs=("vector", "image"),
        notes=("Clusters at most 64 principal components of its features unless given, our choice.",),
        quick={"ae_epochs": 3, "ae_batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        covariance_type: str = "full",
        n_init: int = 3,
        max_iter: int = 200,
        reg_covar: float = 1e-6,
        features: str = "raw",
        n_components: int | None = 64,
        ae_epochs: int = 300,
        ae_batch_size: int | None = None,
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.covariance_type = covariance_type
        self.n_init = n_init
        self.max_iter = max_iter
        self.reg_covar = reg_covar
        self.features = features
        self.n_components = n_components
        self.ae_epochs = ae_epochs
        self.ae_batch_size = ae_batch_size
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Fit the mixture; the sensitive attribute is not used. See :meth:`Method.fit`."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        check_choice("covariance_type", self.covariance_type, ("full", "tied", "diag", "spherical"))
        check_at_least(1, n_init=self.n_init, max_iter=self.max_iter)
        check_positive(reg_covar=self.reg_covar)
        points, seed = self.clustered(X, sensitive_features)
        model = GaussianMixture(
            self.n_clusters,
            covariance_type=self.covariance_type,
            n_init=self.n_init,
            max_iter=self.max_iter,
            reg_covar=self.reg_covar,
            random_state=seed,
        )
        # In double precision, since reg_covar is far below what single precision leaves of a variance.
        exact = points.astype(np.float64)
        with warnings.catch_warnings():
            # Out of iterations, or fewer distinct samples than components: the history and the labels say it.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(exact)
        self.soft_labels_: NDArray[np.float64] = model.predict_proba(exact)
        self.labels_ = self.soft_labels_.argmax(axis=1)
        self.log_result(log_likelihood=model.lower_bound_, iterations=model.n_iter_, converged=model.converged_)
        return self
