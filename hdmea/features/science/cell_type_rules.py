"""Cell types by transparent rules: the first that fires wins, and its margin is kept.

No probability is claimed: a rule says which of its thresholds were passed, and by how much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RULES", "UNKNOWN", "CellTypes", "Evidence", "Thresholds", "classify"]

RULES = ("silent", "unresponsive", "suppressed", "DS", "OS", "ON-OFF", "ON", "OFF", "mixed")
"""Names of the rules in the order in which they are tried."""

_TESTED = {"suppression": ("suppressed",), "direction": ("DS", "OS")}

UNKNOWN = "unknown"
"""Where the evidence for every rule that could fire is missing."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of the rules.

    Attributes
    ----------
    silent_rate_hz
        Largest mean rate of a silent unit.
    alpha
        Largest p value that is significant.
    suppression_index
        Largest index of a suppressed unit (negative).
    rotation_alpha, axis_rotation_alpha
        Largest p value by rotation of a selective unit: of an axis the smallest of 16 arrangements.
    dsi, osi
        Least index of a selective unit.
    on_off_index
        Least size of the index of a unit with both responses that counts as ON or as OFF only.
    """

    silent_rate_hz: float = 0.05
    alpha: float = 0.01
    rotation_alpha: float = 0.05
    axis_rotation_alpha: float = 0.0626
    suppression_index: float = -0.33
    dsi: float = 0.3
    osi: float = 0.3
    on_off_index: float = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules look at; arrays (units,), NaN where something is not known.

    Attributes
    ----------
    rate_hz
        Mean rate of the whole recording.
    response_p
        (units, tests) p values that say that the unit responds to something.
    suppression_index, suppression_p
        Of the light step.
    on, off
        1 for a significant excitatory transient after light on / off, 0 for none.
    on_off_index
        Of the light step.
    dsi, dsi_p, dsi_rotation_p, osi, osi_p, osi_rotation_p
        Of the moving bar.
    step_p
        Whether the trials of the light step repeat.
    """

    rate_hz: Floats
    response_p: Floats
    suppression_index: Floats
    suppression_p: Floats
    on: Floats
    off: Floats
    on_off_index: Floats
    dsi: Floats
    dsi_p: Floats
    osi: Floats
    osi_p: Floats
    dsi_rotation_p: Floats
    osi_rotation_p: Floats
    step_p: Floats


@dataclass(frozen=True, slots=True)
class CellTypes:
    """Types of several units.

    Attributes
    ----------
    names
        Name of the first rule that fires, per unit; `UNKNOWN` if the evidence for that is missing. After a
        comma what was not tested before it, which makes the type provisional: ``ON, direction not tested``.
    rules
        That name alone.
    margins
        float64 (units, rules): how far each rule is from its decision, as a share of the threshold that is
        closest to failing; 0 or more fires; NaN if the evidence does not exist.
    """

    names: tuple[str, ...]
    rules: tuple[str, ...]
    margins: Floats


def classify(evidence: Evidence, thresholds: Thresholds | None = None) -> CellTypes:
    """Apply the rules.

    Parameters
    ----------
    evidence
        Of all units.
    thresholds
        By default those of `Thresholds`.

    Notes
    -----
    * silent: mean rate at most `silent_rate_hz`.
    * unresponsive: the smallest p value times their number (Bonferroni) is above `alpha`.
    * suppressed: fewer spikes in light (p, index), trials that repeat, and no excitatory transient.
    * DS: dsi and its p values. OS: osi and its p values, and not DS.
    * ON-OFF: both transients, index between the two thresholds. ON, OFF: the transient, and either no other
      one or an index beyond the threshold.
    * mixed: it responds, and no other rule fires.
    """
    limits = thresholds or Thresholds()
    e = evidence
    ds = np.minimum(
        np.minimum(_at_least(e.dsi, limits.dsi), _at_most(e.dsi_p, limits.alpha)),
        _at_most(e.dsi_rotation_p, limits.rotation_alpha),
    )
    os = np.minimum(
        np.minimum(_at_least(e.osi, limits.osi), _at_most(e.osi_p, limits.alpha)),
        _at_most(e.osi_rotation_p, limits.axis_rotation_alpha),
    )
    on, off, index = _flag(e.on), _flag(e.off), e.on_off_index
    responds = -_unresponsive(e.response_p, limits.alpha)
    suppressed = np.minimum(
        _at_most(e.suppression_p, limits.alpha),
        np.fmin(_at_most(e.step_p, limits.alpha), _at_least(-e.suppression_index, -limits.suppression_index)),
    )
    margins = np.stack(
        (
            _at_most(e.rate_hz, limits.silent_rate_hz),
            -responds,
            np.minimum(suppressed, np.minimum(-on, -off)),
            ds,
            os,
            np.fmin(np.minimum(on, off), _at_most(np.abs(index), limits.on_off_index)),
            np.minimum(on, np.fmax(-off, _at_least(index, limits.on_off_index))),
            np.minimum(off, np.fmax(-on, _at_least(-index, limits.on_off_index))),
            np.where(np.isnan(on + off + responds), np.nan, 0.0),
        ),
        axis=1,
    )
    fires = margins >= 0
    first = np.where(fires.any(axis=1), fires.argmax(axis=1), len(RULES))
    rules = np.array((*RULES, UNKNOWN))[first].tolist()
    # Without spikes nothing else needs to be known.
    names = [
        rule if rule == RULES[0] else ", ".join((rule, *_untested(row, int(at))))
        for rule, row, at in zip(rules, margins, first, strict=True)
    ]
    return CellTypes(tuple(names), tuple(rules), margins)


def _untested(margins: Floats, first: int) -> list[str]:
    """Name what the rules before the first that fires would have needed."""
    if first >= len(RULES):
        return []
    return [
        f"{what} not tested"
        for what, rules in _TESTED.items()
        if any(RULES.index(rule) < first and np.isnan(margins[RULES.index(rule)]) for rule in rules)
    ]


def _at_least(value: Floats, threshold: float) -> Floats:
    return np.asarray(value / threshold - 1.0)


def _at_most(value: Floats, threshold: float) -> Floats:
    return np.asarray(1.0 - value / threshold)


def _flag(value: Floats) -> Floats:
    """1 where it is set, -1 where it is not."""
    return np.asarray(np.where(np.isnan(value), np.nan, np.where(value > 0, 1.0, -1.0)))


def _unresponsive(p: Floats, alpha: float) -> Floats:
    known = ~np.isnan(p)
    corrected = np.where(known, p, 1.0).min(axis=1, initial=1.0) * known.sum(axis=1)
    margin = np.where(known.any(axis=1), np.minimum(corrected, 1.0) / alpha - 1.0, np.nan)
    # A p value of exactly alpha is significant.
    return np.where(margin == 0, -np.finfo(float).tiny, margin)
