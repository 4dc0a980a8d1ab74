"""The form of a step's parameters, made from the step's declaration."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.snapshot import Choice, FieldSpec
from hdmea_gui.models.parameter_history import ParameterHistory
from hdmea_gui.models.parameters import ParameterModel
from hdmea_gui.shell.icons import icon
from hdmea_gui.shell.theme import Theme
from hdmea_gui.text.help_topics import HelpTopic, field_topic, limits_text, value_text
from hdmea_gui.widgets.fields import Editor
from hdmea_gui.widgets.label import Label, plain_tip
from hdmea_gui.widgets.named_fields import make_parameter_editor

__all__ = ["ParameterForm"]


_LABEL_WIDTH = 104
# Edits that are made without leaving an editor are undone together.
_BURSTS = itertools.count()


class ParameterForm(QScrollArea):
    """Edits a `ParameterModel`; `checked` tells whether its values are allowed.

    Parameters
    ----------
    theme
        Colours.
    history
        Takes the edits, to be undone; None: one of its own.
    parent
        Qt parent.
    """

    checked = Signal()

    def __init__(
        self, theme: Theme, history: ParameterHistory | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.history = history or ParameterHistory(self)
        self.presets_menu: QMenu | None = None
        self.setObjectName("parameters")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._theme = theme
        self._model: ParameterModel | None = None
        self._rows: dict[str, _Row] = {}
        self._show_advanced = False
        self._remarks = ""
        self._defaults: QToolButton | None = None
        self._choices: Mapping[str, tuple[Choice, ...]] = {}
        self._rates: Mapping[str, float] = {}
        self.has_problems = False
        self.show_model(None)

    def show_model(self, model: ParameterModel | None) -> None:
        """Edit another step's parameters."""
        if self._model is not None:
            self._model.changed.disconnect(self._on_changed)
        self._model = model
        self._rows = {}
        self.setWidget(self._build(model))
        self.show_remarks(())
        if model is not None:
            model.changed.connect(self._on_changed)
        self._check()

    def show_remarks(self, remarks: Iterable[str]) -> None:
        """Show below the parameters what the last run of the step said."""
        self._remarks = "\n".join(remarks)
        self._said.setText(self._remarks)
        self._said.setVisible(bool(self._remarks))

    @property
    def remarks(self) -> str:
        """What is shown below the parameters."""
        return self._remarks

    def show_choices(self, choices: Mapping[str, tuple[Choice, ...]]) -> None:
        """Offer what there is, by kind, in fields that name something."""
        self._choices = choices
        for row in self._rows.values():
            row.show_choices(choices)
        self._check()

    def show_rates(self, rates: Mapping[str, float]) -> None:
        """Say how many of each unit are a second, by the names of the units."""
        self._rates = rates
        for row in self._rows.values():
            row.show_rates(rates)

    def reveal(self, name: str) -> None:
        """Scroll to a parameter and put the focus into its editor; nothing without such a parameter."""
        row = self._rows.get(name)
        if row is None:
            return
        if row.field.advanced and self._toggle is not None:
            self._toggle.setChecked(True)
        self.ensureWidgetVisible(row.editor.widget)
        row.editor.widget.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def editor(self, name: str) -> Editor:
        """Return the editor of a parameter; KeyError if the form has none."""
        return self._rows[name].editor

    def problem(self, name: str) -> str:
        """Return what is said of a parameter: what is wrong, or not known; empty if nothing is."""
        return self._rows[name].problem.text()

    def help_topic(self, focus: QWidget) -> HelpTopic | None:
        """Return what the focused parameter means."""
        for row in self._rows.values():
            if focus in (row.editor.widget, row.reset) or row.editor.widget.isAncestorOf(focus):
                return field_topic(row.field, row.model.default(row.field.name))
        return None

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        for button in (self._defaults, *(row.reset for row in self._rows.values())):
            if button is not None:
                button.setIcon(icon("reset", theme))

    def _build(self, model: ParameterModel | None) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(6)
        self._toggle: QToolButton | None = None
        layout.addLayout(self._header(page, model))
        text = model.spec.help if model else "Select a step to see its parameters."
        about = Label(text, page)
        about.setProperty("role", "muted")
        about.setWordWrap(True)
        layout.addWidget(about)
        if model is not None:
            self._add_fields(page, layout, model)
        self._said = Label(page)
        self._said.setObjectName("remarks")
        self._said.setProperty("role", "muted")
        self._said.setWordWrap(True)
        self._said.setToolTip("What the last run of this step said")
        self._said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(self._said)
        layout.addStretch(1)
        return page

    def _header(self, page: QWidget, model: ParameterModel | None) -> QHBoxLayout:
        heading = Label(model.spec.title if model else "Parameters", page)
        heading.setProperty("role", "heading")
        heading.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(2)
        row.addWidget(heading, 1)
        self._defaults = None
        if model is None or not model.spec.fields:
            return row
        self._defaults = QToolButton(page)
        self._defaults.setText("Reset")
        self._defaults.setIcon(icon("reset", self._theme))
        self._defaults.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._defaults.setToolTip("Set all parameters of this step to their defaults")
        self._defaults.setAutoRaise(True)
        self._defaults.clicked.connect(
            lambda _checked=False: self.history.change(
                {model: model.defaults}, f"reset of {model.spec.title}"
            )
        )
        row.addWidget(self._defaults)
        if self.presets_menu is not None:
            presets = QToolButton(page)
            presets.setObjectName("presets")
            presets.setText("Presets ▾")
            presets.setToolTip("Apply or save named parameters")
            presets.setAutoRaise(True)
            presets.setMenu(self.presets_menu)
            presets.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            row.addWidget(presets)
        return row

    def _add_fields(self, page: QWidget, layout: QVBoxLayout, model: ParameterModel) -> None:
        plain = [field for field in model.spec.fields if not field.advanced]
        advanced = [field for field in model.spec.fields if field.advanced]
        if not model.spec.fields:
            note = Label("This step has no parameters.", page)
            note.setProperty("role", "muted")
            layout.addWidget(note)
        layout.addWidget(self._group(page, model, plain))
        if not advanced:
            return
        toggle = QToolButton(page)
        toggle.setObjectName("advanced")
        toggle.setText("Advanced")
        toggle.setToolTip("Rarely changed parameters")
        toggle.setCheckable(True)
        toggle.setChecked(self._show_advanced)
        toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        toggle.setAutoRaise(True)
        self._toggle = toggle
        group = self._group(page, model, advanced)

        def show(visible: bool) -> None:
            self._show_advanced = visible
            group.setVisible(visible)
            toggle.setArrowType(Qt.ArrowType.DownArrow if visible else Qt.ArrowType.RightArrow)

        toggle.toggled.connect(show)
        layout.addWidget(toggle)
        layout.addWidget(group)
        show(self._show_advanced)

    def _group(self, page: QWidget, model: ParameterModel, fields: list[FieldSpec]) -> QWidget:
        group = QWidget(page)
        grid = QGridLayout(group)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for position, field in enumerate(fields):
            row = _Row(field, model, self.history, group, self._theme)
            row.show_choices(self._choices)
            row.show_rates(self._rates)
            self._rows[field.name] = row
            grid.addWidget(row.label, 2 * position, 0)
            grid.addLayout(row.layout, 2 * position, 1)
            grid.addWidget(row.problem, 2 * position + 1, 0, 1, 2)
        return group

    def _on_changed(self, name: str) -> None:
        self._rows[name].refresh()
        self._check()

    def _check(self) -> None:
        found = self._model.problems() if self._model is not None else {}
        if self._defaults is not None and self._model is not None:
            self._defaults.setEnabled(self._model.any_changed)
        for name, row in self._rows.items():
            row.show_problem(found.get(name, ""))
        self.has_problems = bool(found)
        self.checked.emit()


class _Row(QObject):
    """Label, editor, reset button and problem of one parameter."""

    def __init__(
        self,
        field: FieldSpec,
        model: ParameterModel,
        history: ParameterHistory,
        parent: QWidget,
        theme: Theme,
    ) -> None:
        super().__init__(parent)
        self.history = history
        self.field = field
        self.model = model
        self.label = Label(parent)
        self.label.setWordWrap(True)
        self.label.setFixedWidth(_LABEL_WIDTH)
        self.editor = make_parameter_editor(field, parent)
        self.editor.widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.editor.widget.setMinimumWidth(60)
        self.editor.widget.setAccessibleName(field.title)
        self.reset = QToolButton(parent)
        self.reset.setAutoRaise(True)
        self.reset.setIcon(icon("reset", theme))
        self.reset.setToolTip(plain_tip(f"Reset to the default: {value_text(model.default(field.name))}"))
        self.layout = QHBoxLayout()
        self.layout.setSpacing(2)
        self.layout.addWidget(self.editor.widget, 1)
        self.layout.addWidget(self.reset)
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        self.problem = Label(parent)
        self.problem.setProperty("role", "bad")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self._known: set[str] = set()
        tip = self._tooltip()
        self.label.setToolTip(tip)
        self.editor.widget.setToolTip(plain_tip(tip))
        self.editor.edited.connect(self._on_edited)
        self.reset.setAccessibleName(f"Reset {field.title}")
        self.reset.clicked.connect(self._on_reset)
        self._burst = next(_BURSTS)
        for part in (self.editor.widget, *self.editor.widget.findChildren(QWidget)):
            part.installEventFilter(self)
            if isinstance(part, QLineEdit):
                part.setAccessibleName(field.title)
            part.setAcceptDrops(False)
            if part.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                part.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.refresh()

    def refresh(self) -> None:
        """Show the model's value."""
        self.editor.show_value(self.model.value(self.field.name))
        self.editor.show_hint(self.model.hint(self.field.name))
        changed = self.model.is_changed(self.field.name)
        name = self.editor.unit or self.field.unit
        unit = f" ({name})" if name and not self.editor.shows_unit else ""
        self.label.setText(f"{self.field.title}{unit}{' •' if changed else ''}")
        self.reset.setVisible(changed)

    def show_problem(self, text: str) -> None:
        """Show what is wrong; otherwise whether a name is not among the known ones, which is not an error."""
        shown, role = (text, "bad") if text else (self._note(), "muted")
        self.problem.setText(shown)
        if self.problem.property("role") != role:
            self.problem.setProperty("role", role)
            self.problem.style().unpolish(self.problem)
            self.problem.style().polish(self.problem)
        self.problem.setVisible(bool(shown))

    def show_choices(self, choices: Mapping[str, tuple[Choice, ...]]) -> None:
        """Offer what there is of the kind that the parameter names."""
        if self.field.names:
            offered = choices.get(self.field.names, ())
            self._known = {choice.name for choice in offered}
            self.editor.show_choices(offered)

    def show_rates(self, rates: Mapping[str, float]) -> None:
        """Have windows edited in milliseconds where their unit is known."""
        self.editor.show_rate(rates.get(self.field.unit, 0.0))
        self.refresh()

    def _note(self) -> str:
        value = self.model.value(self.field.name)
        names = [str(name) for name in (value if isinstance(value, (list, tuple)) else (value,)) if name]
        unknown = [name for name in names if name not in self._known]
        return f"Unknown: {', '.join(unknown)}" if self._known and unknown else ""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the wheel for scrolling, and undo for the history once the typed value is applied."""
        kind = event.type()
        if kind == QEvent.Type.FocusOut:
            self._burst = next(_BURSTS)
        elif kind == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        elif kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            steps = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)
            typing = isinstance(watched, QLineEdit) and watched.isModified()
            if not typing and any(map(event.matches, steps)):
                event.ignore()
                return True
        return super().eventFilter(watched, event)

    def _on_edited(self) -> None:
        self.history.edit(self.model, self.field.name, self.editor.value(), self._burst)
        self.editor.show_value(self.model.value(self.field.name))

    def _on_reset(self) -> None:
        name = self.field.name
        self.history.edit(self.model, name, self.model.default(name))

    def _tooltip(self) -> str:
        field = self.field
        parts = [
            field.help or field.title,
            f"Default: {value_text(self.model.default(field.name))} {field.unit}".strip(),
        ]
        if limits_text(field):
            parts.append(f"Allowed: {limits_text(field)}")
        return "\n".join(parts)
