"""Fairlets of two groups: small sets, each as balanced as the whole result has to be."""

from .exact import check_exact, exact_fairlets, star_cost
from .fairlets import Fairlets
from .ratio import Ratio, largest_ratio
from .tree import fairlet_decomposition

__all__ = ["Fairlets", "Ratio", "check_exact", "exact_fairlets", "fairlet_decomposition", "largest_ratio", "star_cost"]
