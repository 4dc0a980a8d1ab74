"""The units of a recording (layout ``columns``): what each quantity of theirs looks like in the file.

``/units`` has one dataset per quantity, row i for unit ``id[i]``. The quantities that a unit has itself are
written here, its trials and features in the modules beside this one, what fits no column in ``own/<unit>``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from hdmea.results.columns import MISSING, Column, Given, Own, Table, plan_quantity, plan_table, text_column
from hdmea.results.content import Keys, SessionContent
from hdmea.results.leaves import decode_name, encode_name, is_mark
from hdmea.results.nodes import Group
from hdmea.results.parts.features import FeaturesTable, plan_features
from hdmea.results.parts.trials import TrialsTable, plan_trials
from hdmea.results.reading import Place
from hdmea.results.trees import read_tree
from hdmea.results.unread import Source, Unread
from hdmea.results.writing import Writer
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice

__all__ = ["Units", "place_in_file"]

_TRIALS, _FEATURES = "spike_times_sectioned", "features"
_IN_FILE = {"unit_meta": "sorter", _TRIALS: "trials"}
_IN_MEMORY = {name: key for key, name in _IN_FILE.items()}
_RESERVED = frozenset(("id", "own", *_IN_MEMORY))

Only = Mapping[str, "set[str] | None"]
"""Keys of a unit that are wanted, of trials and features perhaps only those of some names."""


class Units:
    """All units: identity, own quantities, spikes, trials, features, and what fits no column."""

    name = "units"

    def plan(self, content: SessionContent, root: Group) -> None:
        """Add the group ``units``."""
        root.children[self.name] = _plan(content, None)

    def read(self, file: Place, content: SessionContent, source: Source | None) -> None:
        """Read the group ``units``; what the stimulus says of the trials must have been read."""
        group = file.child(self.name)
        ids = _ids(group)
        table = UnitsTable(group.path, ids, source, content)
        table.load(group)
        rows = table.dicts() if source is None else [table.row(row) for row in range(len(ids))]
        content.units = dict(zip(ids, rows, strict=True))
        if len(content.units) != len(rows):
            raise group.damaged("two units have the same name")
        if group.has("own"):
            places = {name: row for row, name in enumerate(ids)}
            for name, extra in read_tree(group.child("own"), source).items():
                if name not in places or not isinstance(extra, dict):
                    raise group.damaged(f"own/{name} belongs to no unit")
                table.finish(places[name], rows[places[name]], extra)

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Keys]) -> bool:
        """Rewrite the changed quantities, trials and features, for all units."""
        paths = [*(path for path in changed if path[0] == self.name), *_trials_of(changed)]
        if not paths:
            return True
        group = Place(writer.file, file_nbytes=writer.file_nbytes).child(self.name)
        if any(len(path) < 3 for path in paths) or group.has("own") or _ids(group) != list(content.units):
            return False
        only = _wanted(paths)
        node = _plan(content, only)
        if "own" in node.children:
            return False
        removed = {"%order"}
        for key, names in only.items():
            name = _name(key)
            table = node.children.get(name)
            if names is None or not isinstance(table, Group) or not group.has(name):
                removed.add(name)
                continue
            # Only some trials or features: the others are not touched.
            del node.children[name]
            order = [encode_name(each) for each in _keys(_below(content, key))]
            writer.replace(f"{self.name}/{name}", table, order, {*map(encode_name, names), "%order"})
            removed |= {f"{name}%mask", f"{name}%none"}
        del node.children["id"]
        order = ["id", *(_name(key) for key in _keys(content.units.values()))]
        writer.replace(self.name, node, order, removed)
        return True


def _trials_of(changed: Collection[Keys]) -> list[Keys]:
    """Return the trials that refer to changed trial times, as paths below any unit."""
    return [
        ("units", "", _TRIALS, *path[2:3])
        for path in changed
        if path == ("stimulus",) or path[:2] == ("stimulus", "trial_time")
    ]


def _wanted(paths: Collection[Keys]) -> dict[str, set[str] | None]:
    only: dict[str, set[str] | None] = {}
    for path in paths:
        key = path[2]
        if key == "spike_times":
            # Trials are index ranges into them.
            only[_TRIALS] = None
        if key not in (_TRIALS, _FEATURES) or len(path) == 3:
            only[key] = None
        elif (names := only.setdefault(key, set())) is not None:
            names.add(path[3])
    return only


def _below(content: SessionContent, key: str) -> Iterator[Mapping[str, Any]]:
    for unit in content.units.values():
        value = dict.get(unit, key)
        value = value.read() if isinstance(value, Unread) else value
        if isinstance(value, dict):
            yield value


def _keys(dicts: Any) -> dict[str, None]:
    return dict.fromkeys(key for each in dicts for key in each)


def _plan(content: SessionContent, only: Only | None) -> Group:
    """Plan the units, some of their keys or all."""
    ids = list(content.units)
    for unit_id, unit in content.units.items():
        if type(unit_id) is not str or not isinstance(unit, dict):
            raise ValidationError(
                f"units/{unit_id} is not a unit: a unit has a name and is a dictionary. Nothing was written.",
                fix=Advice("Store a unit as a dictionary under its name."),
            )
    own = Own(ids)
    group = Group(children={"id": text_column(map(encode_name, ids))})

    def plan_child(into: Group, name: str, values: list[Any], path: Keys, own: Own) -> None:
        key = path[0]
        if only is not None and key not in only:
            return
        names = None if only is None else only[key]
        if key == _FEATURES:
            plan_features(into, values, own, content, names)
        elif key == _TRIALS:
            plan_trials(into, _name(key), values, own, content, names)
        else:
            plan_quantity(into, _name(key), values, path, own)

    plan_table(list(content.units.values()), (), own, into=group, plan_child=plan_child)
    if own.values:
        group.children["own"] = own.plan()
    return group


def _name(key: str) -> str:
    """Return the name in the file of one of a unit's keys."""
    if key in _IN_FILE:
        return _IN_FILE[key]
    return f"%{ord(key[0]):02X}{key[1:]}" if key in _RESERVED else encode_name(key)


def _ids(group: Place) -> list[str]:
    place = group.child("id")
    if len(place.shape) != 1 or not place.utf8:
        raise place.damaged("it does not hold the names of units")
    return [decode_name(text.decode("utf-8", "replace")) for text in place.read().tolist()]


def place_in_file(path: Keys) -> Keys:
    """Return where something of a session is in its file, as names of groups and datasets.

    Of a feature that is the place of the feature: its parts have other names in the file.
    """
    if path[0] != "units" or len(path) < 3:
        return tuple(encode_name(str(name)) for name in path[: 1 if path[0] == "units" else None])
    below = tuple(encode_name(str(name)) for name in path[3:])
    return ("units", _name(str(path[2])), *(below[:1] if path[2] in (_FEATURES, _TRIALS) else below))


class UnitsTable(Table):
    """The columns of ``/units``.

    Parameters
    ----------
    path, source
        As for any table.
    ids
        Names of the units.
    content
        Knows the trial times.
    """

    def __init__(self, path: str, ids: list[str], source: Source | None, content: SessionContent) -> None:
        super().__init__(path, len(ids), source)
        self._ids = ids
        self._content = content

    def below(self, name: str, path: str) -> Table:
        """Return the table of a group in this one."""
        return FeaturesTable(path, self.n, self.source) if name == _FEATURES else super().below(name, path)

    def load(self, place: Place) -> None:
        """Read the small columns; features only when they are asked for."""
        names = dict.fromkeys(place.names())
        found = [name for name in names if not is_mark(name) and name not in ("id", "own")]
        keys = {name: _IN_MEMORY.get(name) or decode_name(name) for name in found}
        # In the order of the file, although the trials are read last: they refer to the spikes.
        self.members = {keys[name]: Given([]) for name in found}
        for name in sorted(found, key=lambda name: name == "trials"):
            if name != "trials":
                self.members[keys[name]] = self.load_member(place, name, names)
                continue
            table = TrialsTable(f"{self.path}/{name}", self.n, self.source, self._trains(), self._content)
            self.members[keys[name]] = self.load_table(table, place, name, names)
        self.orders = self.load_orders(place, names)

    def _trains(self) -> list[Any]:
        """Return the spike times of each unit, None for a unit without; unread ones as the unit has them."""
        assert self.members is not None
        column = self.members.get("spike_times")
        if isinstance(column, Column) and column.values is None:
            assert self.source is not None
            column = Given([column.value(row, self.source) for row in range(self.n)])
            self.members["spike_times"] = column
        known = column.values if isinstance(column, (Column, Given)) else None
        values = [MISSING] * self.n if known is None else known
        return [
            self._content.train(unit_id) if value is MISSING else value
            for unit_id, value in zip(self._ids, values, strict=True)
        ]
