"""No test calls cells responders that have no relation to the stimulus; the same as benchmarks.null."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.null import allowed, rows, shares
from benchmarks.null_cells import KINDS, RESPONDERS, null_counts

CELLS = 100


@pytest.mark.parametrize(
    "test", ["quality_p", "suppression_p", "amplitude_p, 2 Hz", "dsi_p", "dsi_rotation_p", "osi_p"]
)
def test_p_values_hold_for_every_kind(test: str) -> None:
    found = list(rows(CELLS, tests=(test,)))

    assert len(found) >= len(KINDS)
    for kind, _, p in found:
        if p.size:
            assert all(np.array(shares(p)) <= allowed(p.size)), kind
    pooled = np.concatenate([p for _, _, p in found])
    assert all(np.array(shares(pooled)) <= np.array([0.065, 0.018]))


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_have_their_rate(kind: str) -> None:
    counts = null_counts(kind, np.random.default_rng(0), 60, 3600)

    rate = float(kind.split()[1]) if kind.startswith("Poisson") else 10.0
    assert counts.mean() * 60 == pytest.approx(rate, rel=0.25)


def test_untuned_responders_are_among_the_kinds() -> None:
    assert {kind for kind, _, _ in rows(2, tests=("dsi_p",))} == {*KINDS, *RESPONDERS}
