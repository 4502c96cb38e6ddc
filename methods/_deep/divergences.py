"""Divergences between discrete distributions, row by row, in nats.

Equation numbers are those of Teule et al., "[Re] Deep Fair Clustering for Visual Learning", ReScience C 7(2), 2021,
doi:10.5281/zenodo.4833547. These are the printed formulas; the report's code computes other ones for JS and CS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

__all__ = ["DIVERGENCES", "cauchy_schwarz", "jensen_shannon", "kullback_leibler"]


def kullback_leibler(p: Tensor, q: Tensor) -> Tensor:
    """KL(P‖Q) = Σ_k p_k ln(p_k / q_k), below Eq. 4.

    Parameters
    ----------
    p, q : Tensor of shape (n, K)
        Distributions, one a row.

    Returns
    -------
    Tensor of shape (n,)
        At least 0, and 0 where the rows agree. Large but finite where q is 0 and p is not.
    """
    return (p * (_log(p) - _log(q))).sum(1)


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """JS(P‖Q) = ½ KL(P‖M) + ½ KL(Q‖M) with M = ½ (P + Q), Eq. 8.

    Parameters
    ----------
    p, q : Tensor of shape (n, K)
        Distributions, one a row.

    Returns
    -------
    Tensor of shape (n,)
        In [0, ln 2], symmetric in `p` and `q`.
    """
    middle = (p + q) / 2
    return (kullback_leibler(p, middle) + kullback_leibler(q, middle)) / 2


def cauchy_schwarz(p: Tensor, q: Tensor) -> Tensor:
    """CS(P‖Q) = -ln(Σ_k p_k q_k / sqrt(Σ_k p_k² · Σ_k q_k²)), Eq. 9.

    Parameters
    ----------
    p, q : Tensor of shape (n, K)
        Distributions, one a row.

    Returns
    -------
    Tensor of shape (n,)
        At least 0, symmetric in `p` and `q`. Large but finite where no cluster has both above 0.
    """
    return (_log(p.square().sum(1)) + _log(q.square().sum(1))) / 2 - _log((p * q).sum(1))


DIVERGENCES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "kl": kullback_leibler,
    "js": jensen_shannon,
    "cs": cauchy_schwarz,
}


def _log(values: Tensor) -> Tensor:
    return values.clamp_min(torch.finfo(values.dtype).tiny).log()
