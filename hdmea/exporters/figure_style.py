"""How figures look: sizes, font, widths of lines and colours, kept in a style file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from hdmea.declare.parameters import Params, make_params
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice
from hdmea.utils.optional import optional_module
from hdmea.utils.text_files import read_options, setting

__all__ = ["PLAIN", "STYLE_FIELD", "FigureStyle", "print_style", "read_style"]

STYLE_FIELD = Field(
    None,
    title="Style file",
    description="YAML file with sizes, font, line widths and colours; by default that of the settings.",
)
"""Option of every exporter that draws."""


class FigureStyle(Params):
    """The look of figures; a style file has any of these entries, one ``name: value`` per line."""

    width_mm: float = Field(183.0, ge=40, le=600, title="Width of figures", json_schema_extra={"unit": "mm"})
    row_mm: float = Field(36.0, ge=15, le=200, title="Height of a row", json_schema_extra={"unit": "mm"})
    font: str = Field("Arial", title="Font", description="DejaVu Sans where it is not installed.")
    font_size: float = Field(6.0, ge=3, le=24, title="Font size", json_schema_extra={"unit": "pt"})
    line_width: float = Field(0.75, ge=0.1, le=5, title="Line width", json_schema_extra={"unit": "pt"})
    line_colour: str = Field("black", title="Colour of lines and spikes")
    light_colour: str = Field("#2166ac", title="Colour of light and movies")
    accent_colour: str = Field("#b2182b", title="Colour of what is emphasised")
    muted_colour: str = Field("#999999", title="Colour of what is beside it")
    type_colours: tuple[str, ...] = Field(
        ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933"),
        min_length=1,
        title="Colours of cell types",
        description="By default those of Okabe and Ito, which the colour-blind tell apart.",
    )
    magnitude_map: str = Field("viridis", title="Colour map of sizes")
    difference_map: str = Field("RdBu_r", title="Colour map of differences")
    dpi: int = Field(600, ge=72, le=1200, title="Resolution of PNG files", json_schema_extra={"unit": "dpi"})


PLAIN = FigureStyle()
"""The built-in look."""


def read_style(path: str | Path | None = None) -> FigureStyle:
    """Return the style in a file; without one that of the settings, otherwise the built-in one.

    Raises
    ------
    FileNotFoundError, ConfigurationError, ValidationError
        If the file is not found or has entries that are not allowed.
    """
    chosen = path or setting("figure_style")
    if not chosen:
        return FigureStyle()
    style = make_params(FigureStyle, read_options(Path(chosen)), "style")
    matplotlib = optional_module("matplotlib", "figures", "A figure")
    colors = optional_module("matplotlib.colors", "figures", "A figure")
    values = style.model_dump()
    named = [(name, value) for name, value in values.items() if name.endswith("_colour")]
    named += [("type_colours", value) for value in style.type_colours]
    wrong = [name for name, value in named if not colors.is_color_like(value)]
    wrong += [name for name in values if name.endswith("_map") and values[name] not in matplotlib.colormaps]
    if wrong:
        raise ConfigurationError(
            f"{chosen}: matplotlib knows no colour of this name in {', '.join(wrong)}.",
            path=chosen,
            fix=Advice("Write colours as #rrggbb or by name, and colour maps by their names in matplotlib."),
        )
    return style


@contextlib.contextmanager
def print_style(style: FigureStyle, *, editable: bool = False) -> Iterator[None]:
    """Have matplotlib draw for print: white, embedded TrueType fonts, ticks outside, no frame.

    Parameters
    ----------
    style
        The look.
    editable
        Whether letters of SVG files stay letters; otherwise they are outlines.
    """
    import matplotlib
    from matplotlib.font_manager import get_font_names

    fonts = [name for name in (style.font, "Liberation Sans", "DejaVu Sans") if name in get_font_names()]
    size, line = style.font_size, style.line_width
    given: Any = {
        "font.family": fonts or ["sans-serif"],
        "font.size": size,
        "axes.titlesize": size,
        "axes.labelsize": size,
        "xtick.labelsize": size,
        "ytick.labelsize": size,
        "legend.fontsize": size,
        "axes.linewidth": line * 0.75,
        "lines.linewidth": line,
        "patch.linewidth": line,
        "xtick.major.width": line * 0.75,
        "ytick.major.width": line * 0.75,
        "xtick.major.size": 2.0,
        "ytick.major.size": 2.0,
        "xtick.direction": "out",
        "ytick.direction": "out",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlepad": 3.0,
        "axes.labelpad": 1.0,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        # TrueType outlines, which journals ask for; Type 3 fonts cannot be edited.
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "none" if editable else "path",
    }
    with matplotlib.rc_context(given):
        yield
