"""Fair assignment: points to given centres under bounds on every cluster's group shares."""

from .fair import FairAssignment, fair_assignment
from .tolerance import check_delta, share_bounds

__all__ = ["FairAssignment", "check_delta", "fair_assignment", "share_bounds"]
