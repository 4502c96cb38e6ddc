"""Whether bfloat16 changes what FCMI finds: the metrics of ten seeds in either arithmetic, from committed records.

The records are those of ``bench run --suite precision``; seconds are of whole fits, beside whatever else ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

from scipy.stats import ttest_ind

from bench.record import Record, unpack_labels
from bench.records import RecordFile
from benchmarks.rows import Row, row
from benchmarks.setting import Setting

__all__ = ["differences", "measure"]

RECORDS = Path(__file__).resolve().parents[1] / "results" / "records" / "precision.jsonl"
METRICS = ("acc", "nmi", "balance", "mnce", "f_beta")
CONFIDENCE = 0.95


def measure(_setting: Setting) -> list[Row]:
    """A line for every data set."""
    if not RECORDS.exists():
        raise SystemExit(f"no {RECORDS.name}: bench run --suite precision, then bench pack --out results/records/...")
    runs = [record for record in RecordFile(RECORDS).current() if record.status == "ok"]
    return [_line(name, [run for run in runs if run.spec.dataset == name]) for name in _datasets(runs)]


def _datasets(runs: Sequence[Record]) -> list[str]:
    return sorted({run.spec.dataset for run in runs})


def _line(dataset: str, runs: Sequence[Record]) -> Row:
    float32, bfloat16 = ([run for run in runs if run.precision == name] for name in ("float32", "bfloat16"))
    return row(
        f"FCMI on {dataset}, a whole fit",
        len(unpack_labels(runs[0].labels)),
        fmean(run.fit_seconds or 0 for run in bfloat16),
        precision="bfloat16",
        baseline=fmean(run.fit_seconds or 0 for run in float32),
        against="ours in float32",
        repeats=len(bfloat16),
        baseline_repeats=len(float32),
        epochs=bfloat16[0].spec.method_params["epochs"],
        metrics=differences(float32, bfloat16),
    )


def differences(float32: Sequence[Record], bfloat16: Sequence[Record]) -> dict[str, dict[str, float | bool]]:
    """Mean and spread over seeds of every metric, and the interval of the difference of the means.

    Parameters
    ----------
    float32, bfloat16 : sequence of Record
        Runs that ended ok, of the same seeds.

    Returns
    -------
    dict
        By metric, in percent: means, standard deviations, and the 95 % interval (Welch's) of bfloat16's mean less
        float32's; ``within_noise`` where it holds 0.
    """
    found: dict[str, dict[str, float | bool]] = {}
    for name in METRICS:
        ours, plain = ([100 * (run.metrics.get(name) or 0.0) for run in runs] for runs in (bfloat16, float32))
        interval = ttest_ind(ours, plain, equal_var=False).confidence_interval(CONFIDENCE)
        found[name] = {
            "float32_mean": fmean(plain),
            "float32_sd": stdev(plain),
            "bfloat16_mean": fmean(ours),
            "bfloat16_sd": stdev(ours),
            "difference_low": float(interval.low),
            "difference_high": float(interval.high),
            "within_noise": bool(interval.low <= 0 <= interval.high),
        }
    return found
