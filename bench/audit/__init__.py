"""What a published table implies about itself, and which of its cells cannot be true.

A number printed as 94.5 stands for [94.45, 94.55]. With intervals for numbers, metrics that are printed side by side
bound each other, and a table can be checked without its data:

* F_beta (beta = 1) is the harmonic mean of NMI and MNCE, so that F_beta and NMI leave an interval for MNCE.
* Balance is the ratio of the smallest group to the largest in some cluster, and MNCE the entropy of some cluster, so
  that Balance leaves an interval for MNCE: a narrow one with two groups of known sizes, where one follows from the
  other, and a wide one otherwise. In particular MNCE cannot be 0 while Balance is above 0.
* Balance cannot exceed the ratio of the smallest group of the data to the largest.
* Every metric has a range, and the marks of best and second best must agree with the numbers.

Where the intervals for MNCE do not meet, the printed values contradict each other. The odd one out is named if all
others agree; otherwise nothing that is printed settles which is wrong, and the finding says so. A contradiction that
ends when one number is taken as cut off instead of rounded (99.9 for 99.99) is reported as a truncation.

Numbers that agree are not proven: F_beta is computed from the same NMI and MNCE that stand beside it. And a mean over
runs (``"means": true``) obeys inequalities only, as the relations are not linear; those are what is checked then.

Tables are JSON files in the format of :class:`bench.reporting.published.PublishedTable`. A small one::

    {
      "title": "My paper, Table 1",
      "source": "Authors. Title. Venue year, Table 1",
      "doi": "",
      "url": "https://example.org/paper.pdf",
      "unit": "percent",
      "rows": {"Ours": "what the paper proposes", "k-means": ""},
      "columns": ["MNIST-USPS"],
      "metrics": ["nmi", "balance", "mnce", "f_beta"],
      "group_sizes": {"MNIST-USPS": [60000, 7291]},
      "cells": [
        {"method": "Ours", "dataset": "MNIST-USPS", "metric": "nmi", "value": 91.8, "mark": "best"},
        {"method": "k-means", "dataset": "MNIST-USPS", "metric": "nmi", "value": null, "printed_as": "-"}
      ]
    }

Values are percentages: 0.918 in print is ``91.8`` here. The number of decimals is that of the row and of the metric,
whichever has fewer. ``group_sizes``, ``mark``, ``settings`` (what tells rows of one method apart) and ``means`` may be
left out.
"""

from bench.audit.checks import audit_table
from bench.audit.loading import open_table
from bench.audit.model import Check, Finding, Margin, Report
from bench.audit.text import audit_json, audit_markdown, sections

__all__ = [
    "Check",
    "Finding",
    "Margin",
    "Report",
    "audit_json",
    "audit_markdown",
    "audit_table",
    "open_table",
    "sections",
]
