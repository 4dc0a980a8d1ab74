"""How often each test calls a cell a responder that is none: ``python -m benchmarks.null --cells 1000``.

The table goes into ``docs/science.md``. A share beyond the limits of a kind (0.080 at 0.05, 0.025 at 0.01) or
of all kinds together (0.055, 0.0125) ends with status 1; for fewer than 1000 cells three standard errors are
added.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.null_cells import KINDS, RESPONDERS, null_counts, rates_of_counts, untuned_sweeps
from hdmea.features.extractors.on_off import suppression_p
from hdmea.features.science.direction_tuning import direction_tuning
from hdmea.features.science.drift import drift
from hdmea.features.science.linear_nonlinear import linear_nonlinear
from hdmea.features.science.receptive_field_significance import receptive_field_significance
from hdmea.features.science.repeatability import repeatability_p
from hdmea.features.science.sine_fit import fit_sine, fit_wave
from hdmea.features.science.step_response import baseline_of, step_response
from hdmea.features.science.trial_rates import Lowpass

__all__ = ["TESTS", "allowed", "false_off_flags", "rows", "shares", "table"]

LEVELS = (0.05, 0.01)
_OF_A_KIND = (0.080, 0.025)
_OF_ALL = (0.055, 0.0125)
_TRIALS, _FRAMES, _MARGIN = 3, 1500, 120
_NOISE_FRAMES = 3600
_CELLS_AT_ONCE = 250
_STEP_FRAMES = 600 + 2 * _MARGIN
_MOST_FLAGS = 0.01
"""Of 30 trials; a few have more."""
_DRIFT_BINS, _DRIFT_BIN_S = 120, 5.0

P = NDArray[np.float64]


def _rates(counts: NDArray[np.int64]) -> P:
    return counts[:, _MARGIN:-_MARGIN].reshape(len(counts), _TRIALS, _FRAMES) * 60.0


def _quality(counts: NDArray[np.int64]) -> P:
    filtered = Lowpass(60.0)(counts * 60.0)[:, _MARGIN:-_MARGIN]
    return repeatability_p(filtered.reshape(len(counts), _TRIALS, _FRAMES), 1000)


def _suppression(counts: NDArray[np.int64]) -> P:
    trials = counts[:, _MARGIN:-_MARGIN].reshape(len(counts), _TRIALS, _FRAMES)[:, :, :600]
    before = np.ones(600, np.bool_)
    before[60:420] = False
    return suppression_p(trials, (60, 360), before, starts=np.arange(_TRIALS) * _FRAMES)


def _sine(hz: float, first: int, stop: int) -> Callable[[NDArray[np.int64]], P]:
    return lambda counts: fit_sine(_rates(counts)[:, :, first:stop], hz, 1 / 60, 60).p


def _sweeps(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """24 sweeps one after the other."""
    n = (counts.shape[1] - 2 * _MARGIN) // 24
    return counts[:, _MARGIN : _MARGIN + 24 * n].reshape(len(counts), 3, 8, n).sum(axis=-1)


def _direction(index: str) -> Callable[[NDArray[np.int64]], P]:
    def test(counts: NDArray[np.int64]) -> P:
        sweeps = counts if counts.ndim == 3 else _sweeps(counts)
        found: P = getattr(direction_tuning(sweeps, np.arange(8) * 45.0), index)
        return found

    return test


def _drift(counts: NDArray[np.int64]) -> P:
    return drift(counts, np.arange(counts.shape[1])).p


def _receptive_field(counts: NDArray[np.int64]) -> P:
    images = np.random.default_rng(0).integers(0, 2, (_NOISE_FRAMES // 4, 9, 9), dtype=np.uint8)
    movie = np.repeat(images, 4, axis=0)
    return receptive_field_significance(movie, counts[:, :_NOISE_FRAMES], (-60, 0), maps=False).p


def _chirp_window(counts: NDArray[np.int64]) -> P:
    seconds = (np.arange(60) + 0.5) / 60
    phase = 2 * np.pi * (4 * seconds + 0.5 * seconds**2)
    return fit_wave(_rates(counts)[:, :, 840:900], phase, float(np.sinc(4.5 / 60))).p


def _gain(counts: NDArray[np.int64]) -> P:
    images = np.random.default_rng(0).integers(0, 2, (_NOISE_FRAMES // 4, 9, 9), dtype=np.uint8)
    frames = np.arange(_NOISE_FRAMES)
    trains = [np.repeat(frames, unit[:_NOISE_FRAMES]) for unit in counts]
    found = linear_nonlinear(np.repeat(images, 4, axis=0), trains, np.ones(_NOISE_FRAMES), (-20, 0), 1 / 60)
    return np.array([model.bits_per_spike_p for model in found])


TESTS: dict[str, Callable[[NDArray[np.int64]], P]] = {
    "quality_p": _quality,
    "suppression_p": _suppression,
    "amplitude_p, 0.5 Hz": _sine(0.5, 150, 270),
    "amplitude_p, 2 Hz": _sine(2.0, 690, 870),
    "amplitude_p, 10 Hz": _sine(10.0, 1290, 1470),
    "amplitude_p, chirp": _chirp_window,
    "f1_p, grating 2 s": _sine(2.0, 300, 420),
    "dsi_p": _direction("dsi_p"),
    "dsi_rotation_p": _direction("dsi_rotation_p"),
    "osi_p": _direction("osi_p"),
    "rf_p, 60 s": _receptive_field,
    "bits_per_spike_p, 60 s": _gain,
    "rate_drift_p": _drift,
}
_OF_SWEEPS = ("dsi_p", "dsi_rotation_p", "osi_p")
_MEANT = {"rate_drift_p": ("run-down", "run-up")}
"""Kinds that a test is meant to find."""


def rows(n_cells: int, seed: int = 0, tests: Sequence[str] = tuple(TESTS)) -> Iterator[tuple[str, str, P]]:
    """Yield kind, test and the p values of its cells (without those that have none)."""
    for number, kind in enumerate((*KINDS, *RESPONDERS)):
        rng = np.random.default_rng([seed, number])
        found: dict[str, list[P]] = {}
        for begin in range(0, n_cells, _CELLS_AT_ONCE):
            n = min(_CELLS_AT_ONCE, n_cells - begin)
            if kind in RESPONDERS:
                counts = untuned_sweeps(kind, rng, n)
            else:
                counts = null_counts(kind, rng, n, _TRIALS * _FRAMES + 2 * _MARGIN)
            for name in tests:
                used = name in _OF_SWEEPS if kind in RESPONDERS else kind not in _MEANT.get(name, ())
                if used and name == "rate_drift_p":
                    binned = null_counts(kind, rng, n, _DRIFT_BINS, _DRIFT_BIN_S)
                    found.setdefault(name, []).append(TESTS[name](binned))
                elif used:
                    found.setdefault(name, []).append(TESTS[name](counts))
        for name, parts in found.items():
            p = np.concatenate(parts)
            yield kind, name, p[np.isfinite(p)]


def shares(p: P) -> tuple[float, float]:
    """Share of p values at or below 0.05 and 0.01."""
    return float(np.mean(p <= LEVELS[0])), float(np.mean(p <= LEVELS[1]))


def allowed(n: int, *, pooled: bool = False) -> tuple[float, float]:
    """Largest shares for n cells."""
    limits = _OF_ALL if pooled else _OF_A_KIND
    if n >= 1000:
        return limits
    first, second = (
        limit + 3 * np.sqrt(level * (1 - level) / max(n, 1))
        for limit, level in zip(limits, LEVELS, strict=True)
    )
    return float(first), float(second)


def table(n_cells: int, tests: Sequence[str] = tuple(TESTS)) -> tuple[str, list[str]]:
    """Return the Markdown table, and what lies beyond the limits."""
    cells: dict[str, dict[str, str]] = {}
    pooled: dict[str, list[P]] = {}
    beyond = []

    def entry(kind: str, test: str, p: P, *, of_all: bool = False) -> str:
        if not p.size:
            return "–"
        found, most = shares(p), allowed(p.size, pooled=of_all)
        if any(share > limit for share, limit in zip(found, most, strict=True)):
            beyond.append(f"{kind}, {test}: {found[0]:.3f} {found[1]:.4f} of {p.size}")
        return f"{found[0]:.3f} {found[1]:.3f}"

    for kind, test, p in rows(n_cells, tests=tests):
        cells.setdefault(kind, {})[test] = entry(kind, test, p)
        pooled.setdefault(test, []).append(p)
    cells["all kinds"] = {
        test: entry("all kinds", test, np.concatenate(parts), of_all=True) for test, parts in pooled.items()
    }
    lines = ["| kind | " + " | ".join(tests) + " |", "|---|" + "---|" * len(tests)]
    lines += [
        f"| {kind} | " + " | ".join(found.get(test, "–") for test in tests) + " |"
        for kind, found in cells.items()
    ]
    return "\n".join(lines), beyond


def false_off_flags(n_cells: int) -> tuple[str, float]:
    """Table of cells with an OFF flag whose response to light only decays; the largest share at 30 trials.

    60 and 10 Hz in light, which decay with 0.1, 0.3 and 1 s after it.
    """
    t = (np.arange(_STEP_FRAMES) - _MARGIN) / 60
    lines, largest = ["| trials | rate (Hz) | decay (s) | OFF flags |", "|---|---|---|---|"], 0.0
    for number, (trials, hz, decay) in enumerate(itertools.product((3, 30), (10, 60), (0.1, 0.3, 1.0))):
        rng = np.random.default_rng([1, number])
        rate = np.where((t > 1.05) & (t < 6.08), float(hz), 0.0)
        rate = np.where(t >= 6.08, hz * np.exp(-(t - 6.08) / decay), rate)
        flags = 0
        for begin in range(0, n_cells, _CELLS_AT_ONCE):
            n = min(_CELLS_AT_ONCE, n_cells - begin)
            rates = rates_of_counts(rng.poisson(np.broadcast_to(rate / 60, (n, trials, rate.size))), _MARGIN)
            off = step_response(rates, baseline_of(rates, 0, 60), 360, 600)
            flags += int(np.count_nonzero(off.responds))
        lines.append(f"| {trials} | {hz} | {decay:g} | {flags / n_cells:.4f} |")
        if trials >= 30:
            largest = max(largest, flags / n_cells)
    return "\n".join(lines), largest


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1000, help="cells of each kind")
    given = parser.parse_args()
    text, beyond = table(given.cells)
    print(f"Share of p ≤ 0.05 and p ≤ 0.01, {given.cells} cells of each kind:\n\n{text}")
    flags, largest = false_off_flags(given.cells)
    print(f"\nOFF flags of cells whose response to light only decays:\n\n{flags}")
    if largest > _MOST_FLAGS:
        beyond.append(f"OFF flags: {largest:.4f}")
    for line in beyond:
        print(f"beyond the limit: {line}", file=sys.stderr)
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
