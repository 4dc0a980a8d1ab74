"""Units in the laboratory's layouts: a group for each, with numbers as attributes."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
from h5py import h5a

from hdmea.results.content import Keys, SessionContent
from hdmea.results.lab import words
from hdmea.results.lab.features import (
    STA,
    file_name,
    namesake,
    plan_feature,
    read_feature,
    session_name,
)
from hdmea.results.lab.images import (
    COLUMN_ROW,
    IMAGE,
    axes_by_units,
    axes_to_write,
    raw_axes,
)
from hdmea.results.lab.layout import Layout, note, notes_of
from hdmea.results.lab.patches import DROP, Patch, from_json, set_to
from hdmea.results.lab.record import Record, RecordPlan, is_untouched, unit_key
from hdmea.results.lab.trials import TreeTrials, plan_trials, read_times, read_trials
from hdmea.results.lab.values import (
    TreeDict,
    as_attributes,
    attrs_of,
    is_name,
    plan_value,
    read_child,
    read_value,
)
from hdmea.results.leaves import decode_name
from hdmea.results.nodes import Group, Node
from hdmea.results.reading import Place
from hdmea.results.sectioned import is_cut
from hdmea.results.unread import LazyDict, Source, Unread, UnreadArray
from hdmea.results.writing import Writer
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import give_way

__all__ = ["FEATURES", "SECTIONS", "Units"]

FEATURES, SECTIONS, _SPIKES = "features", "spike_times_sectioned", "spike_times"
_TRIAL_TIME = "trial_time"
_TIMES = (("trial_time",), ("section_time",), ("direction_time",))
_SELF = unit_key()
_NAMES = ("row", "col", "sensor_id", "unit_num", "original_name", "spike_count", "global_id")

_DERIVED_FROM = {_SPIKES: ("spike_count",), "global_id": ("sensor_id",), "sensor_id": ("global_id",)}
"""Keys that are not stored where they follow from another."""

Wanted = Mapping[str, "set[str] | None"]
"""Keys of a unit that are to be planned, of trials and features perhaps only those of some names."""


class Units:
    """The group ``units``.

    Parameters
    ----------
    layout
        The layout.
    """

    name = "units"

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    # -- writing ---------------------------------------------------------------------------------------

    def plan(self, content: SessionContent, root: Group) -> None:
        """Add the group."""
        facts = words.Facts(content)
        group = root.children[self.name] = Group()
        for unit_id, unit in content.units.items():
            if type(unit_id) is not str or not isinstance(unit, dict) or not is_name(unit_id):
                raise ValidationError(
                    f"units/{unit_id} is not a unit: a unit has a name and is a dictionary. "
                    f"Nothing was written.",
                    fix=Advice("Store a unit as a dictionary under its name."),
                )
            group.children[unit_id] = self.plan_unit(content, unit_id, facts)

    def plan_unit(self, content: SessionContent, unit_id: str, facts: words.Facts) -> Group:
        """Plan one unit with everything that it has."""
        give_way()
        unit = content.units[unit_id]
        group = self._plan_self(content, unit_id)
        for key in unit:
            for names, node in self.plan_key(content, unit_id, key, None, facts):
                if node is None:
                    continue
                below = group
                for name in names[:-1]:
                    child = below.children.setdefault(name, Group())
                    assert isinstance(child, Group)
                    below = child
                below.children[names[-1]] = node
        return group

    def _plan_self(self, content: SessionContent, unit_id: str) -> Group:
        """Plan the attributes of a unit's group."""
        unit = content.units[unit_id]
        attrs, entries = self._attributes(content, unit_id)
        group = Group(attrs=attrs)
        patch: Patch = {"entries": entries} if entries else {}
        orders: dict[str, list[str]] = {}
        for key in (FEATURES, SECTIONS):
            below = unit[key] if key in unit else None
            if isinstance(below, dict):
                group.children[key] = Group()
                orders[key] = _names(below, ("units", unit_id, key))
        # Most units of a recording have the same names in the same order: the record says it once.
        patch.update(order=_names(unit, ("units", unit_id)), orders=orders)
        _record(content).note(_SELF, unit_id, [], None, patch)
        return group

    def _attributes(self, content: SessionContent, unit_id: str) -> tuple[dict[str, Any], dict[str, Patch]]:
        unit = content.units[unit_id]
        path = ("units", unit_id)
        attrs: dict[str, Any] = {}
        entries: dict[str, Patch] = {}
        for key in self._as_attrs(content, unit_id):
            found, exact = as_attributes({key: dict.__getitem__(unit, key)})
            attrs.update(found)
            if not exact:
                entries[key] = set_to(unit[key], (*path, key))
        derived = _derived(unit, attrs)
        for key, value in derived.items():
            if key not in unit:
                entries[key] = DROP
            elif key not in attrs and unit[key] != value:
                entries[key] = set_to(unit[key], (*path, key))
        if "global_id" not in unit and type(unit.get("sensor_id")) is int:
            attrs["global_id"] = unit["sensor_id"]
            entries |= {"global_id": DROP, "sensor_id": set_to(unit["sensor_id"], path)}
        return attrs, entries

    def _as_attrs(self, content: SessionContent, unit_id: str) -> list[str]:
        """Return those keys of a unit that are attributes in this layout."""
        notes = notes_of(content, self._layout)
        names = {*self._layout.unit_attrs, *notes.get("unit_attrs", ())} - set(notes.get("unit_datasets", ()))
        unit = content.units[unit_id]
        types = (int, str, float, bool)
        return [key for key in unit if key in names and type(dict.__getitem__(unit, key)) in types]

    def plan_key(
        self,
        content: SessionContent,
        unit_id: str,
        key: str,
        only: Collection[str] | None,
        facts: words.Facts,
    ) -> Iterator[tuple[list[str], Node | None]]:
        """Yield place and node of what a key of a unit becomes; `only` some features or movies."""
        unit = content.units[unit_id]
        record, path = _record(content), ("units", unit_id, key)
        value = dict.__getitem__(unit, key)
        if key in self._as_attrs(content, unit_id):
            return
        made = {
            *_derived(unit, ()),
            *(("sensor_id",) if type(value) is int and "global_id" not in unit else ()),
        }
        if value is not None and key in made and not self._is_dataset(content, key):
            return
        below = value.read() if isinstance(value, Unread) and value.gives_dict else value
        if key == FEATURES and isinstance(below, dict):
            turn = axes_to_write(content) == COLUMN_ROW
            for name in below if only is None else [name for name in below if name in only]:
                entry = dict.__getitem__(below, name)
                place = (*path, name)
                node, patch = plan_feature(
                    name, entry, place, self._layout, turn=turn, features=below, facts=facts
                )
                stored = file_name(name, node, self._layout)
                if not is_name(stored) or (stored != name and stored in below):
                    record.note(unit_key(key, name), unit_id, [], None, set_to(_read(entry), place))
                    continue
                names = [FEATURES, stored]
                record.note(unit_key(FEATURES, name), unit_id, ["units", None, *names], node, patch)
                yield names, node
        elif key == SECTIONS and isinstance(below, dict):
            for movie in below if only is None else [movie for movie in below if movie in only]:
                trials = dict.__getitem__(below, movie)
                if not is_name(movie):
                    record.note(unit_key(key, movie), unit_id, [], None, set_to(trials, (*path, movie)))
                    continue
                node, patch = plan_trials(
                    trials,
                    (*path, movie),
                    self._layout,
                    train=content.train(unit_id),
                    times=content.trial_time(movie),
                    added=self._added(trials, movie, unit, facts),
                    steps=content.steps,
                )
                names = [SECTIONS, movie]
                record.note(unit_key(*names), unit_id, ["units", None, *names], node, patch)
                yield names, node
        elif not is_name(key):
            record.note(unit_key(key), unit_id, [], None, set_to(_read(value), path))
        else:
            node, patch = plan_value(value, path, self._layout.trees)
            record.note(unit_key(key), unit_id, ["units", None, key], node, patch)
            yield [key], node

    @staticmethod
    def _added(trials: Any, movie: str, unit: Mapping[str, Any], facts: words.Facts) -> dict[str, Any] | None:
        if is_cut(trials) and "direction_section" in trials.changes:
            return None
        found = words.direction_sections(movie, unit, facts)
        return {"direction_section": found} if found else None

    def _is_dataset(self, content: SessionContent, key: str) -> bool:
        return key in notes_of(content, self._layout).get("unit_datasets", ())

    # -- updating --------------------------------------------------------------------------------------

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Keys]) -> bool:
        """Rewrite what has changed of each unit."""
        wanted = self._changed(content, changed)
        if wanted is None:
            return False
        facts = words.Facts(content)
        file = Place(writer.file, file_nbytes=writer.file_nbytes)
        units = file.child(self.name)
        for unit_id, keys in wanted.items():
            place = units.child(unit_id) if is_name(unit_id) and units.has(unit_id) else None
            if unit_id not in content.units:
                if place is not None:
                    writer.put(units.item, unit_id, None, "/units")
                _forget(content, unit_id)
            elif keys is None or place is None or not _fits(content.units[unit_id], place, keys):
                _forget(content, unit_id)
                node = self.plan_unit(content, unit_id, facts)
                writer.put(units.item, unit_id, node, "/units")
            else:
                self._update_unit(writer, place, content, unit_id, keys, facts)
        return True

    def _changed(
        self, content: SessionContent, changed: Collection[Keys]
    ) -> dict[str, dict[str, set[str] | None] | None] | None:
        """Return for each unit the keys that are to be written, None if the whole file must be rewritten."""
        wanted: dict[str, dict[str, set[str] | None] | None] = {}

        def want(unit_id: str, key: str, name: str | None) -> None:
            keys = wanted.setdefault(unit_id, {})
            if keys is None:
                return
            names = keys.setdefault(key, set())
            if name is None:
                keys[key] = None
            elif names is not None:
                names.add(name)

        for path in changed:
            if path == ("units",):
                return None
            if path[0] == "units" and len(path) == 2:
                wanted[path[1]] = None
            elif path[0] == "units":
                key, name = path[2], path[3] if len(path) > 3 and path[2] in (FEATURES, SECTIONS) else None
                want(path[1], key, name)
                unit = content.units.get(path[1], {})
                for other_key, other in _beside(key, name, unit):
                    want(path[1], other_key, other)
                if key == FEATURES and name is not None and self._layout.steps:
                    other = namesake(name)
                    if isinstance(unit.get(FEATURES), dict) and other in unit[FEATURES]:
                        want(path[1], FEATURES, other)
            elif path[0] == "stimulus" and path[1:2] in (
                ("trial_time",),
                ("section_time",),
                ("direction_time",),
            ):
                for unit_id in content.units:
                    want(unit_id, SECTIONS, path[2] if len(path) > 2 else None)
            elif path == ("stimulus",):
                for unit_id in content.units:
                    want(unit_id, SECTIONS, None)
        return wanted

    def _update_unit(
        self,
        writer: Writer,
        place: Place,
        content: SessionContent,
        unit_id: str,
        keys: Wanted,
        facts: words.Facts,
    ) -> None:
        unit = content.units[unit_id]
        own = self._plan_self(content, unit_id)
        if keys.keys() - {FEATURES, SECTIONS} or keys.keys() - set(unit):
            writer.write_attrs(place.item, own.attrs)
        for key, only in keys.items():
            if key in place.attr_names() and key not in own.attrs:
                h5a.delete(place.item, key.encode())
            if key not in unit or key not in (FEATURES, SECTIONS):
                # What is an attribute now may have been a dataset.
                if is_name(key):
                    writer.put(place.item, key, None, place.path)
                _forget(content, unit_id, key)
            if key not in unit:
                continue
            if only is None and key in (FEATURES, SECTIONS):
                value = unit[key]
                there = place.child(key).names() if place.has(key) else []
                only = {str(name) for name in value} | {
                    self._session_name(place.again().child(key), content, key, name) for name in there
                }
            if key == FEATURES and self._layout.steps:
                # What a feature is may have changed, and with it its name in the file.
                for name in only or ():
                    self._remove(writer, place, content, key, name)
            for stored, node in self.plan_key(content, unit_id, key, only, facts):
                holder = place
                if len(stored) == 2:
                    if not place.has(stored[0]):
                        writer.create(place.item, stored[0], Group(), place.path)
                    holder = place.again().child(stored[0])
                writer.put(holder.item, stored[-1], node, holder.path)
            for name in only or ():
                if name not in unit[key]:
                    self._remove(writer, place, content, key, name)
                    _record(content).removed.append((unit_key(key, name), unit_id))

    def _session_name(self, holder: Place, content: SessionContent, key: str, name: str) -> str:
        if key != FEATURES:
            return name
        unit_id = holder.path.split("/")[2]
        return session_name(name, holder, self._layout, _record(content).before, unit_id)

    def _remove(self, writer: Writer, place: Place, content: SessionContent, key: str, name: str) -> None:
        holder = place.again()
        if holder.has(key):
            holder = holder.child(key)
            for stored in {name, name.removeprefix(STA)}:
                if not is_name(stored) or not holder.has(stored):
                    continue
                if self._session_name(holder, content, key, stored) == name:
                    writer.put(holder.item, stored, None, holder.path)

    # -- reading ---------------------------------------------------------------------------------------

    def read(self, file: Place, content: SessionContent, source: Source | None) -> None:
        """Read the group; what the stimulus says of the trials must have been read."""
        group = file.child(self.name)
        record: Record | None = content.notes
        names = [name for name in group.names() if group.child_is_group(name)]
        if record is None or record.unknown:
            self._look_through(group, names, content)
        if record is not None and not is_untouched(file.again()):
            # A script may have added attributes to the units, which stay attributes.
            attributes = set(notes_of(content, self._layout).get("unit_attrs", ()))
            attributes.update(*(group.again().child(name).attr_names() for name in names))
            note(content, self._layout, "unit_attrs", sorted(attributes - self._layout.unit_attrs))
        args = (self._layout, record, self._turn(group, names, content), _trial_times(content))
        if source is not None:
            units = {name: TreeDict(source, f"{group.path}/{name}", _read_unit, args) for name in names}
            content.units = LazyDict(units) if units else {}
            return
        for name in names:
            content.units[name] = _read_unit(group.child(name), None, *args)

    def _look_through(self, group: Place, names: list[str], content: SessionContent) -> None:
        """Find what no record says: trial times, and which names of units have another form than usual.

        Trial times of a movie are those of the first unit that has it.
        """
        times = content.stimulus.get(_TRIAL_TIME)
        known = times if isinstance(times, dict) else {}
        found: dict[str, Any] = {}
        datasets, attributes = set[str](), set[str]()
        for place in map(group.child, names):
            below = dict.fromkeys(place.names())
            attributes.update(place.attr_names())
            datasets.update(name for name in _NAMES if name in below and not place.child_is_group(name))
            if SECTIONS not in below or not place.child_is_group(SECTIONS):
                continue
            sections = place.child(SECTIONS)
            for movie in sections.names():
                if movie not in known and movie not in found:
                    read = read_times(sections.child(movie), self._layout)
                    if read is not None:
                        found[movie] = read
        if found and (times is None or isinstance(times, dict)):
            content.stimulus[_TRIAL_TIME] = {**known, **found}
        if content.notes is None:
            note(content, self._layout, "unit_datasets", sorted(datasets))
            note(content, self._layout, "unit_attrs", sorted(attributes - self._layout.unit_attrs))

    def _turn(self, group: Place, names: list[str], content: SessionContent) -> bool:
        """Return whether images are turned in this file, and note it."""
        record: Record | None = content.notes
        known = "" if record is None else str(record.attrs.get("image_axes", ""))
        if known:
            return known == COLUMN_ROW
        images = (
            (name, f"{name}/{FEATURES}/{IMAGE}/data") for name in names if _has_image(group.again(), name)
        )
        first = next(images, None)
        if first is None:
            return False
        found, how = axes_by_units(group.again(), itertools.chain((first,), images)), "units"
        if not found:
            found, how = raw_axes(content), "raw recording"
        if not found:
            found, how = COLUMN_ROW, "assumed"
        note(content, self._layout, "image_axes", found)
        note(content, self._layout, "image_axes_from", how)
        return found == COLUMN_ROW


def _trial_times(content: SessionContent) -> dict[str, Any]:
    """Return the trial times of all movies, perhaps unread."""
    trees = [content.stimulus, *([content.trains[1]] if content.trains else [])]
    times = [tree.get(_TRIAL_TIME) for tree in trees]
    movies = dict.fromkeys(movie for each in times if isinstance(each, dict) for movie in each)
    return {movie: content.trial_time(movie) for movie in movies}


def _read_unit(
    place: Place,
    source: Source | None,
    layout: Layout,
    record: Record | None,
    turn: bool,
    times: Mapping[str, Any],
) -> dict[Any, Any]:
    """Return a unit.

    Parameters
    ----------
    place
        Its group.
    source
        Where large arrays will be read from; None reads everything now.
    layout
        The layout.
    record
        The record of the file, if it has one.
    turn
        Whether images are stored as (time, column, row).
    times
        Trial times of each movie, perhaps unread.
    """
    give_way()
    unit_id = place.path.rpartition("/")[2]
    patch = _patch(record, unit_id) or {}
    entries = patch.get("entries", {})
    found: dict[Any, Any] = {}
    has_sections = False
    for name, value in attrs_of(place).items():
        if "drop" in entries.get(name, {}):
            continue
        found[name] = value
    for name in place.names():
        if name in (SECTIONS, FEATURES) and place.child_is_group(name):
            if name == SECTIONS:
                has_sections = True
                continue
            args = (layout, record, unit_id, turn)
            if source is None:
                found[name] = _read_features(place.child(name), None, *args)
            else:
                found[name] = TreeDict(source, f"{place.path}/{name}", _read_features, args)
            continue
        value = read_child(place, name, source, _patch(record, unit_id, name), layout.trees)
        found[name] = value if name not in _NAMES or isinstance(value, (dict, Unread)) else _plain(value)
    found.update(_only_in_record(found, record, unit_id))
    if has_sections:
        found[SECTIONS] = _read_sections(place.child(SECTIONS), source, layout, record, unit_id, found, times)
    for key, value in _derived(found, found).items():
        if "drop" not in entries.get(key, {}):
            found.setdefault(key, value)
    for key, known in entries.items():
        if "set" in known:
            found[key] = from_json(known["set"])
    found = _ordered(found, patch.get("order", ()))
    return LazyDict(found) if source is not None else found


def _read_sections(
    group: Place,
    source: Source | None,
    layout: Layout,
    record: Record | None,
    unit_id: str,
    unit: Mapping[str, Any],
    times: Mapping[str, Any],
) -> dict[Any, Any]:
    """Return the trials of a unit."""
    train = unit.get(_SPIKES)
    if not isinstance(train, (np.ndarray, UnreadArray)) or len(train.shape) != 1:
        train = None
    found: dict[Any, Any] = {} if source is None else LazyDict()
    for movie in group.names():
        patch = _patch(record, unit_id, SECTIONS, movie)
        if source is None:
            found[movie] = read_trials(group.child(movie), None, patch, layout, train, times.get(movie))
        else:
            path = f"{group.path}/{movie}"
            found[movie] = TreeTrials(source, path, patch, layout, train, times.get(movie))
    return _completed(found, SECTIONS, record, unit_id, source)


def _read_features(
    place: Place, source: Source | None, layout: Layout, record: Record | None, unit_id: str, turn: bool
) -> dict[Any, Any]:
    """Return the features of a unit."""
    found: dict[Any, Any] = {}
    for name in place.names():
        feature = session_name(name, place, layout, record, unit_id)
        patch = _patch(record, unit_id, FEATURES, feature)
        if patch is not None and "set" in patch:
            found[feature] = from_json(patch["set"])
        elif not place.child_is_group(name):
            found[feature] = read_value(place.child(name), source, patch, layout.trees)
        else:
            args = (feature, patch, layout, turn)
            found[feature] = (
                read_feature(place.child(name), None, *args)
                if source is None
                else TreeDict(source, f"{place.path}/{name}", read_feature, args)
            )
    return _completed(found, FEATURES, record, unit_id, source)


def _completed(
    found: dict[Any, Any], key: str, record: Record | None, unit_id: str, source: Source | None
) -> dict[Any, Any]:
    """Add what only the record has of the features or trials of a unit, and put all in their order."""
    found.update(_only_in_record(found, record, unit_id, key))
    orders = (_patch(record, unit_id) or {}).get("orders", {})
    found = _ordered(found, orders.get(key, ()))
    return found if source is None else LazyDict(found)


def _only_in_record(
    found: Mapping[Any, Any], record: Record | None, unit_id: str, *names: str
) -> dict[str, Any]:
    """Return the entries below `names` of a unit for which the layout has no word."""
    extra: dict[str, Any] = {}
    there = unit_key(*names)
    for part in record.texts if record is not None else ():
        holder, _, last = part.rpartition("/")
        if holder == there and (name := decode_name(last)) not in found:
            patch = record.patch(part, unit_id) if record is not None else None
            if patch is not None and "set" in patch:
                extra[name] = from_json(patch["set"])
    return extra


def _ordered(found: dict[Any, Any], order: Collection[str]) -> dict[Any, Any]:
    there = dict(dict.items(found))
    return {key: there[key] for key in {**{key: None for key in order if key in there}, **there}}


def _names(values: Mapping[Any, Any], path: Keys) -> list[str]:
    """Return the keys of a dictionary, which have to be texts."""
    for key in values:
        if type(key) is not str:
            raise ValidationError(
                f"{'/'.join(path)} has the key {key!r}; the names of units, features and movies are text. "
                f"Nothing was written.",
                fix=Advice("Use a text as the key."),
            )
    return list(values)


def _derived(unit: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """Return what follows from the rest of a unit and is not in every file."""
    found: dict[str, Any] = {}
    train = dict.get(unit, _SPIKES) if isinstance(unit, dict) else None
    if "spike_count" not in given and isinstance(train, (np.ndarray, UnreadArray)) and len(train.shape) == 1:
        found["spike_count"] = train.shape[0]
    number = unit.get("global_id")
    if "sensor_id" not in given and type(number) is int and number > 0:
        found["sensor_id"] = number
    return found


def _plain(value: Any) -> Any:
    """Return a number or text that may be an array of one."""
    if isinstance(value, np.ndarray) and value.size == 1:
        item = value.reshape(-1)[0]
        value = item.item() if isinstance(item, np.generic) else item
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _beside(key: str, name: str | None, unit: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield what is made from a part of a unit that has changed."""
    if key == _SPIKES:
        yield SECTIONS, None
    for other in _DERIVED_FROM.get(key, ()):
        yield other, None
    if key != FEATURES:
        return
    features = unit[FEATURES] if FEATURES in unit else {}
    if name is None or name == "lnl":
        for other in features if isinstance(features, dict) else ():
            if str(other).startswith(STA):
                yield FEATURES, other
    prefix = words.sections_feature("")
    if name is None or name.startswith((prefix, STA)):
        for movie in unit[SECTIONS] if isinstance(unit.get(SECTIONS), dict) else ():
            yield SECTIONS, movie


def _record(content: SessionContent) -> RecordPlan:
    plan = content.notes
    assert isinstance(plan, RecordPlan)
    return plan


def _has_image(units: Place, name: str) -> bool:
    place = units.child(name)
    for below in (FEATURES, IMAGE):
        if not place.has(below) or not place.child_is_group(below):
            return False
        place = place.child(below)
    return place.has("data") and not place.child_is_group("data")


def _patch(record: Record | None, unit_id: str, *names: str) -> Patch | None:
    return None if record is None else record.patch(unit_key(*names), unit_id)


def _forget(content: SessionContent, unit_id: str, *names: str) -> None:
    """Take what the record says of a unit, or of one of its keys, for unknown."""
    known, there = _record(content), unit_key(*names)
    for part in known.before.texts if known.before is not None else ():
        if part == there or part.startswith(f"{there}/"):
            known.removed.append((part, unit_id))


def _fits(unit: Mapping[str, Any], place: Place, keys: Wanted) -> bool:
    """Return whether features and trials can be changed one by one: both were, and are, dictionaries."""
    return all(
        isinstance(unit.get(key, {}), dict) and (not place.has(key) or place.child(key).is_group)
        for key in keys.keys() & {FEATURES, SECTIONS}
    )


def _read(value: Any) -> Any:
    return value.read() if isinstance(value, Unread) else value
