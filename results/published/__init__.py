"""The papers' printed numbers, as data with their source; mounted as ``bench.published``."""
