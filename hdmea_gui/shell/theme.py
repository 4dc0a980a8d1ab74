"""Two explicit palettes under the Fusion style, and the colours of plots that go with them.

The colour scheme of the system is only read: `QStyleHints.setColorScheme` does nothing on many desktops.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

__all__ = [
    "DARK",
    "LIGHT",
    "Theme",
    "ThemeName",
    "apply_palette",
    "contrast",
    "dress",
    "stylesheet",
    "theme_of",
]

ThemeName = Literal["light", "dark", "system"]

_FIELDS = ("QLineEdit", "QAbstractSpinBox", "QComboBox", "QCheckBox", "QRadioButton")


@dataclass(frozen=True)
class Theme:
    """Colours as ``#rrggbb``.

    Attributes
    ----------
    window, base, raised
        Backgrounds: of the window, of lists and plots, of buttons and cards.
    text, muted
        Text, and text of second rank.
    border, outline, accent, on_accent, link
        Lines that only divide; outlines of what can be filled in or ticked; selection and progress; text on
        the accent; links in text.
    good, warning, bad
        States, also as text.
    density, magnitude, diverging
        Perceptually uniform colour maps of pyqtgraph: for the raster (low end near the background), for
        amplitudes, and for values around a centre.
    spans
        Fills of stimulus sections, taken in turn.
    series
        Lines of several units in one plot; told apart also without one of the eye's three cone types.
    """

    name: str
    window: str
    base: str
    raised: str
    text: str
    muted: str
    border: str
    outline: str
    accent: str
    on_accent: str
    link: str
    good: str
    warning: str
    bad: str
    density: str
    magnitude: str
    diverging: str
    spans: tuple[str, ...]
    series: tuple[str, ...]


LIGHT = Theme(
    name="light",
    window="#f3f4f6",
    base="#ffffff",
    raised="#fbfbfc",
    text="#1b2026",
    muted="#525b66",
    border="#c9ced6",
    outline="#737d88",
    accent="#0b5fb0",
    on_accent="#ffffff",
    link="#0b5fb0",
    good="#1a6f37",
    warning="#855200",
    bad="#b3261e",
    density="CET-L17",
    magnitude="viridis",
    diverging="CET-D1A",
    spans=("#0b5fb0", "#a15c00", "#1a6f37", "#7a3fa0", "#a8324a", "#00707a"),
    series=("#0b5fb0", "#f63401", "#6a0644", "#ff0bff", "#b37a56", "#0c2a00", "#3902a9", "#00a4a9"),
)

DARK = Theme(
    name="dark",
    window="#1f2329",
    base="#15181c",
    raised="#2a2f37",
    text="#e7eaee",
    muted="#a4adb8",
    border="#434a54",
    outline="#7d8794",
    accent="#2a74c6",
    on_accent="#ffffff",
    link="#6fb2ff",
    good="#63cf85",
    warning="#f2b53c",
    bad="#ff8d84",
    density="inferno",
    magnitude="viridis",
    diverging="CET-D1A",
    spans=("#5aa9ff", "#f2b53c", "#63cf85", "#c79bf2", "#ff8d9c", "#4fd0d8"),
    series=("#5aa9ff", "#fb2105", "#91554f", "#efe61f", "#cff8dc", "#5743ff", "#04ff86", "#db069f"),
)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 … 21, as WCAG 2 defines it."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def theme_of(name: ThemeName) -> Theme:
    """Return the theme of that name; for ``system`` the one that the desktop asks for."""
    if name == "system":
        hints = QGuiApplication.styleHints()
        return DARK if hints.colorScheme() is Qt.ColorScheme.Dark else LIGHT
    return DARK if name == "dark" else LIGHT


def apply_palette(theme: Theme) -> None:
    """Give the application the colours of a theme; parts of windows are to be `dress`ed as well."""
    if QApplication.style().objectName().lower() != "fusion":
        QApplication.setStyle("Fusion")
    palette = _palette(theme)
    QApplication.setPalette(palette)
    for kind in _FIELDS:
        # The declaration of PySide asks for bytes, which it then refuses.
        QApplication.setPalette(_outlined(palette, theme), kind)  # type: ignore[arg-type]


def dress(part: QWidget, theme: Theme) -> None:
    """Give a part of a window, with all that is in it, the rules of a theme.

    Rules of the whole window, or of the application, take longer than the event loop may be blocked.
    """
    # Qt asks Python hundreds of times for this; a worker that computes must give way at once each time.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        part.setStyleSheet(stylesheet(theme))
    finally:
        sys.setswitchinterval(interval)


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
        for key, colour in {
            role.Window: theme.window,
            role.WindowText: theme.text,
            role.Base: theme.base,
            role.AlternateBase: theme.raised,
            role.Text: theme.text,
            role.PlaceholderText: theme.muted,
            role.Button: theme.raised,
            role.ButtonText: theme.text,
            role.BrightText: theme.bad,
            role.ToolTipBase: theme.raised,
            role.ToolTipText: theme.text,
            role.Highlight: theme.accent,
            role.HighlightedText: theme.on_accent,
            role.Link: theme.link,
            role.LinkVisited: theme.link,
            role.Light: theme.raised,
            role.Midlight: theme.border,
            role.Mid: theme.border,
            role.Dark: theme.border,
            role.Shadow: theme.border,
        }.items():
            palette.setColor(group, key, QColor(colour))
    disabled = QPalette.ColorGroup.Disabled
    for key, colour in {
        role.Window: theme.window,
        role.Base: theme.window,
        role.Button: theme.window,
        role.WindowText: theme.muted,
        role.Text: theme.muted,
        role.PlaceholderText: theme.muted,
        role.ButtonText: theme.muted,
        role.Highlight: theme.border,
        role.HighlightedText: theme.text,
        role.AlternateBase: theme.window,
        role.BrightText: theme.muted,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.Link: theme.link,
        role.LinkVisited: theme.link,
    }.items():
        palette.setColor(disabled, key, QColor(colour))
    return palette


def _outlined(palette: QPalette, theme: Theme) -> QPalette:
    """Return the palette of fields: Fusion draws outlines in the window's colour at 100/140 of its value."""
    outlined, colour = QPalette(palette), QColor(theme.outline)
    colour.setHsv(colour.hsvHue(), colour.hsvSaturation(), min(255, round(colour.value() * 1.4)))
    outlined.setColor(QPalette.ColorRole.Window, colour)
    # The outline of the field that has the focus is made from the colour of selected text.
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
        outlined.setColor(group, QPalette.ColorRole.Highlight, QColor(theme.link))
        outlined.setColor(group, QPalette.ColorRole.HighlightedText, QColor(theme.base))
    return outlined


def _glass(colour: str) -> str:
    """Return a colour through which what is behind is just seen."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 235)"


@functools.cache
def stylesheet(theme: Theme) -> str:
    """Return the rules of a theme."""
    line = f"1px solid {theme.border}"
    rules = {
        "QToolTip": f"color: {theme.text}; background: {theme.raised}; border: {line}; padding: 3px",
        'QLabel[role="heading"]': f"font-weight: 600; color: {theme.text}",
        'QLabel[role="muted"]': f"color: {theme.muted}",
        'QLabel[role="warning"]': f"color: {theme.warning}",
        'QLabel[role="readout"]': (
            f"background: {theme.raised}; color: {theme.text}; border: {line}; "
            "border-radius: 3px; padding: 1px 5px"
        ),
        'QLabel[role="bad"]': f"color: {theme.bad}",
        'QLabel[role="title"]': f"font-size: 15pt; font-weight: 600; color: {theme.text}",
        'QFrame[role="card"]': f"background: {theme.raised}; border: {line}; border-radius: 6px",
        'QFrame[role="card"] QLabel': "border: 0; background: transparent",
        'QFrame[role="drop"]': f"background: {_glass(theme.window)}; border: 3px dashed {theme.link}",
        'QFrame[role="drop"] QLabel': "border: 0; background: transparent",
        "QToolButton:focus": f"border: 1px solid {theme.accent}; border-radius: 3px",
        "QToolButton#presets::menu-indicator": "image: none; width: 0",
        "QToolButton#table_menu::menu-indicator": "image: none; width: 0",
        'QPushButton[role="segment"]': (
            f"background: {theme.raised}; color: {theme.text}; border: {line}; padding: 3px 14px; "
            "margin-left: -1px; border-radius: 0"
        ),
        'QPushButton[role="segment"]:checked': (
            f"background: {theme.accent}; color: {theme.on_accent}; border-color: {theme.accent}"
        ),
        'QPushButton[role="segment"]:focus': f"border-color: {theme.text}",
        "QToolBar": f"border: 0; border-bottom: {line}; spacing: 2px; padding: 2px 6px",
        "QStatusBar": f"border-top: {line}",
        "QStatusBar::item": "border: 0",
        "QHeaderView::section": (
            f"background: {theme.window}; color: {theme.text}; border: 0; "
            f"border-right: {line}; border-bottom: {line}; padding: 3px 6px"
        ),
    }
    return "\n".join(f"{selector} {{ {declarations}; }}" for selector, declarations in rules.items())
