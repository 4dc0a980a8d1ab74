"""The user guide names commands, states and filters that the window has."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hdmea.stimuli.definition import read_definition
from hdmea.stimuli.playlist import read_movie_lengths, read_playlists
from hdmea.stimuli.shown import read_shown
from hdmea_gui.engine.controller import StepState
from hdmea_gui.models.unit_filter import matching_units
from hdmea_gui.models.units import Column
from hdmea_gui.shell.actions import ACTIONS, plain_text
from tests.docs.blocks import ROOT

PAGES = [ROOT / "docs" / "first_steps.md", *sorted((ROOT / "docs" / "user_guide").glob("*.md"))]
_COMMAND = re.compile(r"\*\*(File|Edit|Run|View|Export|Help) → ([^*]+)\*\*")
_ROW = re.compile(r"^\| (.+?) \|", re.MULTILINE)


def first_column(page: str, heading: str) -> list[str]:
    """Return the first column of the table below a heading."""
    text = (ROOT / "docs" / "user_guide" / page).read_text(encoding="utf-8")
    below = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [cell for cell in _ROW.findall(below) if not cell.startswith("--")][1:]


def test_commands_are_in_the_menus_that_the_guide_names() -> None:
    there = {(plain_text(spec.menu), plain_text(spec.text)) for spec in ACTIONS}
    named = {found for page in PAGES for found in _COMMAND.findall(page.read_text(encoding="utf-8"))}

    assert len(named) > 8
    assert named - there == set()


def test_the_guide_explains_every_state_of_a_step() -> None:
    explained = [state.removesuffix(" …") for state in first_column("steps.md", "States")]

    assert sorted(explained) == sorted(state.value for state in StepState)


def test_commands_that_run_steps_have_the_keys_that_the_guide_gives() -> None:
    text = (ROOT / "docs" / "user_guide" / "steps.md").read_text(encoding="utf-8")
    keys = {plain_text(spec.text): spec.key for spec in ACTIONS}

    for name in first_column("steps.md", "Running"):
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
        assert keys[name] in row


@pytest.mark.parametrize("example", [cell.strip("`") for cell in first_column("units.md", "Filter")])
def test_filters_of_the_guide_are_understood(example: str) -> None:
    units = ("unit_001", "unit_002", "unit_003")
    values = {"rate": "Rate (Hz)", "snr": "SNR", "on_off.on_off_index": "ON/OFF", "moving_bar.dsi": "DSI"}
    more = {"moving_bar.dsi_p": "Direction tuning: p of DSI"}
    numbers = [
        Column(key, title, "", np.array([0.9 * place, -2.0, np.nan]), 2, label=title.partition(": ")[2])
        for place, (key, title) in enumerate({**values, **more}.items(), 2)
    ]
    kind = Column("cell_type.cell_type", "Cell type", "", np.array(["DS", "ON", ""], object), 0)

    shown = matching_units(example, units, (*numbers, kind))

    assert shown.any()
    assert not shown.all()


def test_the_tables_and_the_definition_of_the_guide_are_read(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "user_guide" / "stimuli.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:csv|json)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    paths = [tmp_path / name for name in ("playlist.csv", "movie_length.csv", "noise.json", "x.stimuli.json")]
    for path, block in zip(paths, blocks, strict=True):
        path.write_text(block, encoding="utf-8")

    playlist = read_playlists(paths[0])["my_playlist"]
    definition = read_definition(paths[2])
    shown = read_shown(paths[3])

    assert {entry.movie for entry in shown} <= set(playlist.movies)
    assert set(playlist.movies) == set(read_movie_lengths(paths[1]))
    assert definition.kind == "step"
    assert definition.section_kwargs.n_trials == 3
    assert definition.events_of_type("light_step")
