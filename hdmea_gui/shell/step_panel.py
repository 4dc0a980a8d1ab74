"""Left side of the window: flow, step list, parameters, buttons."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QSizePolicy,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.snapshot import OpenResult, StateView
from hdmea_gui.shell.actions import ActionSet
from hdmea_gui.shell.step_list import StepListView
from hdmea_gui.shell.theme import Theme
from hdmea_gui.widgets.elided_label import ElidedLabel
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label, plain_tip
from hdmea_gui.widgets.parameter_form import ParameterForm

__all__ = ["StepPanel"]


_RUN_ACTIONS = ("run_step", "run_again", "run_to_here")


class StepPanel(QWidget):
    """Shows the steps and the parameters of the selected one.

    Parameters
    ----------
    controller
        Knows steps, flows and parameters.
    steps
        The step list, which gets the actions of a step as its context menu.
    actions
        The actions of the window.
    theme
        Colours.
    parent
        Qt parent.

    Signals
    -------
    changed()
        Another step was chosen, or a parameter of it may have changed.
    reset_all_asked()
        Set the parameters of all steps to their defaults.
    """

    changed = Signal()
    reset_all_asked = Signal()

    def __init__(
        self,
        controller: Controller,
        steps: StepListView,
        actions: ActionSet,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self._actions = actions
        self.list = steps
        for name in (*_RUN_ACTIONS, "show_failure", "show_provenance", "reset_parameters"):
            steps.addAction(actions[name])
        steps.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.form = ParameterForm(theme, controller.step_parameters.history, self)
        self.flows = ComboBox(self)
        self.flows.setObjectName("flow")
        self.flows.setToolTip("Steps that “Run all” runs")
        self.flows.setAccessibleName("Flow")
        # They come after the first show, when the engine is loaded.
        self.flows.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToContents)
        self.flows.currentIndexChanged.connect(self._on_flow)
        self._lay_out(actions)
        self.list.chosen.connect(self._on_chosen)
        self.list.run_asked.connect(actions["run_step"].trigger)
        self.form.checked.connect(self.changed)
        controller.opened.connect(self._on_opened)
        controller.step_parameters.changed.connect(self._show_edited)
        controller.step_parameters.choices_changed.connect(
            lambda: self.form.show_choices(controller.step_parameters.choices)
        )
        controller.steps.modelReset.connect(self._on_steps)
        controller.state_changed.connect(self._show_remarks)
        controller.state_changed.connect(lambda state: self.form.show_rates(state.rates))

    def show_flows(self) -> None:
        """Show the flows that the engine knows."""
        self.flows.blockSignals(True)
        self.flows.clear()
        for flow in self._controller.catalogue.flows:
            self.flows.addItem(flow.title, flow.name)
            self.flows.setItemData(self.flows.count() - 1, plain_tip(flow.help), Qt.ItemDataRole.ToolTipRole)
        self.flows.setCurrentIndex(self.flows.findData(self._controller.flow))
        self.flows.blockSignals(False)
        self.flows.setEnabled(self.flows.count() > 1)

    def reveal(self, step: str, parameter: str) -> None:
        """Select a step, and put the focus into one of its parameters."""
        self.list.choose(step)
        self.form.reveal(parameter)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self.list.apply_theme(theme)
        self.form.apply_theme(theme)

    def _lay_out(self, actions: ActionSet) -> None:
        heading = Label("Steps", self)
        heading.setProperty("role", "heading")
        label = Label("Flow", self)
        label.setProperty("role", "muted")
        top = QHBoxLayout()
        top.setContentsMargins(10, 6, 8, 4)
        top.addWidget(heading)
        top.addStretch(1)
        top.addWidget(label)
        top.addSpacing(4)
        top.addWidget(self.flows)
        upper = QWidget(self)
        upper_layout = QVBoxLayout(upper)
        upper_layout.setContentsMargins(0, 0, 0, 0)
        upper_layout.setSpacing(0)
        upper_layout.addLayout(top)
        upper_layout.addWidget(self.list)
        upper_layout.addWidget(self._edited_note(upper))
        splitter = QSplitter(Qt.Orientation.Vertical, self)
        splitter.addWidget(upper)
        splitter.addWidget(self.form)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 1)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([310, 250])
        buttons = QHBoxLayout()
        buttons.setContentsMargins(6, 4, 6, 6)
        buttons.setSpacing(3)
        for name in ("run_step", "run_all", "stop"):
            button = QToolButton(self)
            button.setDefaultAction(actions[name])
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setObjectName(f"{name}_button")
            buttons.addWidget(button)
            if name == "run_step":
                self._run_button = button
                button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
                button.addActions([actions[other] for other in _RUN_ACTIONS])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(splitter, 1)
        layout.addLayout(buttons)

    def _edited_note(self, parent: QWidget) -> QWidget:
        """Return the line that says in which steps parameters differ from their defaults."""
        self.edited = QWidget(parent)
        self._edited_text = ElidedLabel(self.edited, Qt.AlignmentFlag.AlignLeft)
        self._edited_text.setProperty("role", "muted")
        reset = QToolButton(self.edited)
        reset.setText("Reset all")
        reset.setAutoRaise(True)
        reset.setToolTip("Set the parameters of all steps to their defaults; can be undone")
        reset.clicked.connect(self.reset_all_asked)
        row = QHBoxLayout(self.edited)
        row.setContentsMargins(10, 2, 6, 2)
        row.addWidget(self._edited_text, 1)
        row.addWidget(reset)
        self.edited.hide()
        return self.edited

    def _show_edited(self) -> None:
        steps = self._controller.step_parameters.changed_steps()
        self.edited.setVisible(bool(steps))
        self._edited_text.setText(f"Changed: {', '.join(steps)}")
        self._edited_text.setToolTip(f"Parameters differ from their defaults in: {', '.join(steps)}")

    def _on_steps(self) -> None:
        self.show_flows()
        self._show_edited()
        if self._controller.steps.rowCount():
            self.list.setCurrentIndex(self._controller.steps.index(0))
        else:
            self.form.show_model(None)

    def _on_opened(self, result: OpenResult) -> None:
        """Begin with the first step of a recording that is not loaded yet."""
        if result.card is not None:
            self.list.setCurrentIndex(self._controller.steps.index(0))
            self.list.scrollToTop()

    def offer_again(self, again: bool) -> None:
        """Have the button run the selected step for the first time, or again."""
        wanted = self._actions["run_again" if again else "run_step"]
        if self._run_button.defaultAction() is not wanted:
            self._run_button.setDefaultAction(wanted)

    def _on_chosen(self, name: str) -> None:
        model = self._controller.parameters(name)
        self.form.show_model(model)
        self._show_remarks(self._controller.state)
        self._controller.step_parameters.ask_choices(field.names for field in model.spec.fields)
        self.changed.emit()

    def _show_remarks(self, state: StateView) -> None:
        chosen = self.list.chosen_item
        record = None if chosen is None else state.steps.get(chosen.spec.name)
        notices = () if record is None else record.notices
        if "\n".join(notices) != self.form.remarks:
            self.form.show_remarks(notices)

    def _on_flow(self, _index: int) -> None:
        self._controller.choose_flow(self.flows.currentData())
