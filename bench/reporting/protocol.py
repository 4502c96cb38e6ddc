"""What a method was given and stands on, as footnotes that keep unlike rows from being compared unawares."""

from __future__ import annotations

from collections.abc import Iterable

from bench.metadata import MethodInfo

__all__ = ["protocol_notes"]

_BACKBONES = {
    "matched": "Matched backbone: FCMI's network in place of the method's own, so that rows differ by method alone.",
    "original": "Original backbone: the network of the method's own paper or code.",
}


def protocol_notes(info: MethodInfo, backbones: Iterable[str]) -> list[str]:
    """Footnotes of a row.

    Parameters
    ----------
    info : MethodInfo
        Metadata of the method.
    backbones : iterable of str
        Values that its runs had for the parameter ``backbone``, if it has one.
    """
    notes = []
    if info.family != "control":
        if info.needs_k:
            notes.append("Given the true number of classes.")
        if info.uses_sensitive:
            notes.append("Uses the sensitive attribute in training.")
        if info.status == "reconstructed":
            notes.append("Reconstructed: no code and no full text of this method was public; parts are our choice.")
    notes += [_BACKBONES.get(name, f"Backbone: {name}.") for name in sorted(backbones)]
    return notes
