"""Variational fair clustering: fairness term, clustering costs, bound optimisation and the choice of lambda."""
