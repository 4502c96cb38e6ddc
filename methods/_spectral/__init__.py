"""Spectral embeddings of a graph under group-parity constraints."""

from __future__ import annotations

from .constraint import FairSpace, constraint_matrix
from .embedding import FairEmbedding, fair_embedding
from .laplacian import Laplacian

__all__ = ["FairEmbedding", "FairSpace", "Laplacian", "constraint_matrix", "fair_embedding"]
