"""The papers' printed numbers, as data with their source; mounted as ``bench.published``.

One file a table, in the format of :class:`bench.reporting.published.PublishedTable`, a line for every cell.
"""
