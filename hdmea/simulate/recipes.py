"""Ready recipes: one small experiment for every way in which real files may differ or be damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from hdmea.simulate.experiment import Experiment, FileOptions, Region

__all__ = ["RECIPES", "recipe"]


def _changed(**options: Any) -> Experiment:
    return Experiment.tiny(files=FileOptions(**options))


_ALL: Final[dict[str, Experiment]] = {
    "plain": Experiment.tiny(),
    "row_major_unsigned": replace(
        _changed(
            axis_order="yx",
            integer_type="uint16",
            ad_zero=32768,
            file_version=2,
            edge_fields="Frame",
            factor_field="ConversionFactors",
            fixed_strings=True,
            event_stream="EventTool @ Digital Data",
            explorer="STA Explorer",
        ),
        region=Region(rows=8, columns=11, first_row=5, first_column=30),
    ),
    "square_row_major": replace(
        _changed(axis_order="yx"), region=Region(rows=9, columns=9, first_row=29, first_column=29)
    ),
    "int32": _changed(integer_type="int32"),
    "offset_counts": _changed(integer_type="uint16", offset_counts=32768),
    "two_groups_gap": Experiment.tiny(gaps_s=((16.005, 18.005),)),
    "no_analog": _changed(analog_channels=()),
    "light_only": _changed(analog_channels=("light",)),
    "sync_only": _changed(analog_channels=("sync",)),
    "no_events": _changed(event_stream=None),
    "no_sensor_data": _changed(sensor_data=False),
    "no_stated_duration": _changed(states_duration=False),
    "no_sorter": _changed(sorter=False),
    "no_cutouts": _changed(cutouts=False),
    "broken_link": _changed(link="before_renaming.cmcr"),
    "no_link": _changed(link=None),
    "odd_units": Experiment.tiny(unit_numbers=(2, 5, 17, 103, 1000), max_spikes={17: 0, 103: 1}),
    "no_units": Experiment.tiny(n_units=0),
    "missing_flip": Experiment.tiny(missing_flips=(700,)),
    "double_flip": Experiment.tiny(double_flips=(700,)),
    "flashes": Experiment.tiny(flashes=3),
    "repeated_playlist": Experiment.tiny(repeats=2),
    "other_rate": Experiment.tiny(tick_us=40),
}

RECIPES: Final[Mapping[str, Experiment]] = MappingProxyType(_ALL)
"""Small experiments by name."""


def recipe(name: str, **changes: Any) -> Experiment:
    """Return a recipe, with other fields of the experiment changed.

    Parameters
    ----------
    name
        One of `RECIPES`.
    **changes
        Fields of `Experiment`, for example `seed`.
    """
    return replace(RECIPES[name], **changes)
