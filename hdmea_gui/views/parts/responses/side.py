"""What a feature says about the responses to a movie, beside the responses."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedWidget, QWidget

from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.responses.frequency_panel import FrequencyPanel
from hdmea_gui.views.parts.responses.polar_panel import PolarPanel
from hdmea_gui.views.parts.responses.query import TrialsView
from hdmea_gui.views.parts.responses.step_facts import StepFactsPanel
from hdmea_gui.widgets.label import Label

__all__ = ["ResponseSide"]

_WIDTH = 300


class ResponseSide(QStackedWidget):
    """Direction tuning of bars, frequency response of sines, numbers of light steps; hidden for others."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.polar = PolarPanel(theme, self)
        self.frequency = FrequencyPanel(theme, self)
        self.steps = StepFactsPanel(theme, self)
        self._message = Label(self)
        self._message.setProperty("role", "muted")
        self._message.setWordWrap(True)
        self._message.setMargin(12)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for page in (self.polar, self.frequency, self.steps, self._message):
            self.addWidget(page)
        self.setFixedWidth(_WIDTH)

    @property
    def message(self) -> str:
        """What is said in place of numbers; empty while there are some."""
        return self._message.text() if self.currentWidget() is self._message else ""

    def show_view(self, view: TrialsView, colours: tuple[str, ...], not_yet: Callable[[str], str]) -> None:
        """Show what belongs to the movie.

        Parameters
        ----------
        view
            Responses.
        colours
            One for each of its units.
        not_yet
            Returns what to say while a step was not run.
        """
        of_unit = dict(zip((unit.unit_id for unit in view.units), colours, strict=True))
        steps = view.feature in {"on_off", "green_blue"}
        self.setVisible(bool(view.feature) and not (steps and len(view.units) > 1))
        if view.tunings:
            self.polar.show_tunings(
                view.tunings, view.rings, tuple(of_unit[tuning.unit_id] for tuning in view.tunings)
            )
            self.setCurrentWidget(self.polar)
        elif view.frequencies:
            self.frequency.show_tunings(
                view.frequencies, tuple(of_unit[tuning.unit_id] for tuning in view.frequencies)
            )
            self.setCurrentWidget(self.frequency)
        elif view.marks is not None:
            self.steps.show_marks(view.marks)
            self.setCurrentWidget(self.steps)
        else:
            self._message.setText(_why_nothing(view, not_yet))
            self.setCurrentWidget(self._message)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        for page in (self.polar, self.frequency, self.steps):
            page.apply_theme(theme)


def _why_nothing(view: TrialsView, not_yet: Callable[[str], str]) -> str:
    if view.elsewhere:
        return (
            f"The feature of such movies was computed from {view.elsewhere}. Select that movie above, or "
            "this one in the parameters of the features."
        )
    return not_yet("extract_features")
