"""Fair assignment: points to given centres under bounds on every cluster's group shares."""

from .fair import FairAssignment, fair_assignment

__all__ = ["FairAssignment", "fair_assignment"]
