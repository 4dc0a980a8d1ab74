"""Synthetic recordings with known truth: for the demo, the tests and the benchmarks."""

from __future__ import annotations

from hdmea.simulate.experiment import Experiment, FileOptions, Region
from hdmea.simulate.recipes import RECIPES, recipe
from hdmea.simulate.recording import SimulatedRecording, simulate_recording, write_demo
from hdmea.simulate.retina import SimulatedRetina, write_retina
from hdmea.simulate.truth import Truth

__all__ = [
    "RECIPES",
    "Experiment",
    "FileOptions",
    "Region",
    "SimulatedRecording",
    "SimulatedRetina",
    "Truth",
    "recipe",
    "simulate_recording",
    "write_demo",
    "write_retina",
]
