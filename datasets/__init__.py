"""The data sets: one file each (or family), mounted as ``bench.datasets``."""
