"""Cluster centres: FCMI's at every epoch, and those that DEC starts from, against scikit-learn as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from bench.methods._deep.centres import fit_kmeans
from bench.methods._deep.kmeans import unit_centres
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin_min

from benchmarks.ceiling import least_seconds
from benchmarks.rows import Row, compared
from benchmarks.setting import Setting
from benchmarks.synthetic import points
from benchmarks.timing import in_turn

__all__ = ["measure"]

POINTS_PER_CENTRE = 1000
AGAINST = "scikit-learn's KMeans on as many points, with as many restarts"
# Seconds for the textbook clusterings of one row.
BUDGET = 30
Points = NDArray[np.float32]


def measure(setting: Setting) -> list[Row]:
    """Time the refit at the sizes of MNIST-USPS and HAR, and k-means on all samples."""
    digits, har = setting.size(67_291, 300), setting.size(10_299, 200)
    rows = [refit("FCMI's centres, MNIST-USPS", digits, 10, setting), refit("FCMI's centres, HAR", har, 6, setting)]
    if setting.device == "cpu":
        rows.append(whole("DEC's first centres, MNIST-USPS", digits, 10, setting))
    return rows


def refit(title: str, n: int, n_clusters: int, setting: Setting) -> Row:
    """Unit centres from at most 1000 samples a cluster, 10 restarts."""
    embedding = unit(points(n, n_clusters, n_clusters=n_clusters)[0])
    resident = torch.from_numpy(embedding).to(setting.device)
    used = min(n, POINTS_PER_CENTRE * n_clusters)

    def ours(seed: int) -> Points:
        centres: Points = unit_centres(resident, n_clusters, seed=seed).cpu().numpy()
        return centres

    def textbook(seed: int) -> tuple[Points, int]:
        chosen = np.random.default_rng(seed).permutation(n)[:used]
        rows = resident.cpu().numpy()[chosen]
        model = KMeans(n_clusters, n_init=10, max_iter=300, random_state=seed).fit(rows)
        return unit(model.cluster_centers_), model.n_iter_

    return line(title, embedding, Pair(ours, textbook), used, 10, setting)


def whole(title: str, n: int, n_clusters: int, setting: Setting) -> Row:
    """Centres from all samples, 20 restarts."""
    embedding = points(n, n_clusters, n_clusters=n_clusters)[0]

    def ours(seed: int) -> Points:
        centres: Points = fit_kmeans(embedding, n_clusters, n_init=20, seed=seed).cluster_centers_
        return centres

    def textbook(seed: int) -> tuple[Points, int]:
        model = KMeans(n_clusters, n_init=20, max_iter=300, random_state=seed).fit(embedding)
        return model.cluster_centers_, model.n_iter_

    return line(title, embedding, Pair(ours, textbook), n, 20, setting)


class Pair(NamedTuple):
    """What is compared: seed to centres, for the textbook with the iterations of the best restart."""

    ours: Callable[[int], Points]
    textbook: Callable[[int], tuple[Points, int]]


def line(title: str, embedding: Points, pair: Pair, used: int, n_init: int, setting: Setting) -> Row:
    """Times with the same seeds for both, one a repeat; and how far the points are from either's centres."""
    seeds = iter(range(10**6)), iter(range(10**6))
    times = in_turn(lambda: pair.ours(next(seeds[0])), lambda: pair.textbook(next(seeds[1])), setting, budget=BUDGET)
    centres, iterations = pair.textbook(0)
    ratio = inertia(embedding, pair.ours(0)) / inertia(embedding, centres)
    # As if every restart had needed as many iterations as the best.
    flops = 2 * used * centres.size * iterations * n_init
    floor = least_seconds(setting, flops=flops)
    return compared(title, len(embedding), times, AGAINST, device=setting.device, floor=floor, inertia_ratio=ratio)


def inertia(embedding: Points, centres: Points) -> float:
    """Sum of squared distances to the nearest centre."""
    _, distance = pairwise_distances_argmin_min(embedding, centres)
    return float((distance.astype(np.float64) ** 2).sum())


def unit(rows: Points) -> Points:
    """Rows of length 1."""
    scaled: Points = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled
