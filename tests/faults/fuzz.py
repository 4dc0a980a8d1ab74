"""Gives every reader damaged and hostile files, and counts what it says of them.

    python -m tests.faults.fuzz --most 1000 --seed 1

Each file is read in a child process with limits of time and memory. What may come of it: it is read, or an
error of ours. Anything else is counted by its kind: another error, a crash, a hang, too much memory.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.util
import json
import logging
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import numpy as np

from tests.faults import operations

_MEMORY_NBYTES = 6 << 30
_HANGS_S = 20
_DATA = Path(__file__).parents[1] / "data"
_RESOURCES = Path(__file__).parents[2] / "resources"
_OURS = ("HDMEAError", "PresetError", "FilterError")
_TEXTS = (
    "",
    "null",
    "1e999",
    "-1",
    "99999999999999999999",
    "[]",
    "{}",
    '"\\u0000"',
    "NaN",
    '"<img src=x>"',
    "\n",
)


# -- what is read ------------------------------------------------------------------------------------------


def _result(path: Path) -> None:
    from hdmea.pipeline.script import session_script
    from hdmea.pipeline.session import PipelineSession
    from hdmea.recordings.inspect import inspect_file

    for act in (
        lambda: PipelineSession.load(path),
        lambda: _touched(PipelineSession.load(path, lazy=True)),
        lambda: session_script(PipelineSession.load(path, lazy=True)),
        lambda: inspect_file(path).as_text(),
    ):
        _allowed(act)


def _touched(node: Any, depth: int = 0) -> None:
    for name in ("units", "metadata", "stimulus") if depth == 0 else ():
        _touched(getattr(node, name), 1)
    if isinstance(node, dict) and depth:
        for value in node.values():
            _touched(value, depth + 1)


def _recording(path: Path) -> None:
    from hdmea.pipeline import load_recording
    from hdmea.recordings.inspect import inspect_file

    kind = "cmcr_path" if path.suffix == ".cmcr" else "cmtr_path"
    _allowed(lambda: inspect_file(path).as_text())
    _allowed(lambda: load_recording(**{kind: path}, dataset_id="x", defer_save=True))


def _movie(path: Path) -> None:
    from hdmea.stimuli.movies import check_numbers, open_movie

    check_numbers(open_movie(path), path)


def _settings(path: Path) -> None:
    from hdmea.utils.text_files import setting
    from hdmea_gui.store.durations import read_durations
    from hdmea_gui.store.settings import SettingsStore

    read_durations(path)
    with mock.patch("hdmea.utils.text_files.settings_path", return_value=path):
        setting("layout")
    store = SettingsStore(path)
    store.note_recent(path)
    store.write()


def _filter(path: Path) -> None:
    from hdmea_gui.models.unit_filter import matching_units

    text = path.read_text(encoding="utf-8", errors="replace")
    from tests.gui.test_unit_table import COLUMNS, IDS

    matching_units(text, IDS, COLUMNS)


def _notes(path: Path) -> None:
    from hdmea_gui.engine.auto_checkpoint import Keeper

    keeper = Keeper(path.parent)
    shutil.copy(path, path.parent / "automatic-1-1.json")
    keeper.left_behind()
    keeper.sweep()


def _table(path: Path) -> None:
    from hdmea.study.recordings import Recording, join_sheet, read_table

    _allowed(lambda: read_table(path))
    join_sheet([Recording("a", path.parent / "a.cmcr", None)], path)


def _of_batch(path: Path) -> None:
    from hdmea.study.batch import _read_book
    from hdmea.study.job import read_outcome

    _read_book(path)
    read_outcome(path)


def _lazily(module: str, name: str) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        return getattr(__import__(module, fromlist=[name]), name)(path)

    return read


def _phy(path: Path) -> None:
    from hdmea.pipeline import load_recording

    load_recording(cmtr_path=path.parent, dataset_id="x", defer_save=True)


READERS: dict[str, Callable[[Path], Any]] = {
    "result": _result,
    "recording": _recording,
    "playlist": _lazily("hdmea.stimuli.playlist", "read_playlists"),
    "movie lengths": _lazily("hdmea.stimuli.playlist", "read_movie_lengths"),
    "definition": _lazily("hdmea.stimuli.definition", "_parse"),
    "movie": _movie,
    "settings": _settings,
    "preset": _lazily("hdmea_gui.store.presets", "read_preset"),
    "flow": _lazily("hdmea.pipeline.flows", "load_flow"),
    "filter": _filter,
    "calibration": _lazily("hdmea.stimuli.calibration", "read_calibration"),
    "note": _notes,
    "table": _table,
    "batch": _of_batch,
    "phy": _phy,
}


def _allowed(act: Callable[[], Any]) -> None:
    """Run one of several ways to read; go on after an error of ours."""
    try:
        act()
    except Exception as error:
        if not _is_ours(error):
            raise


def _is_ours(error: BaseException) -> bool:
    return bool({kind.__name__ for kind in type(error).__mro__} & set(_OURS))


# -- what they are given -----------------------------------------------------------------------------------


def seeds(folder: Path) -> list[tuple[str, Path]]:
    """Make one good file of each kind; return (reader, file)."""
    from scipy.io import savemat

    from hdmea.utils.spreadsheet import write_csv, write_xlsx
    from tests.recordings.phy_folders import write_phy
    from tests.recordings.vendor_files import VendorUnit, write_cmcr, write_cmtr

    operations.n_small = 5
    found: list[tuple[str, Path]] = []
    for layout in operations.LAYOUTS:
        path = operations.session_with(folder, 1.0).save(folder / f"{layout}.h5", layout=layout)
        found.append(("result", path))
    found.append(("result", operations.session_with(folder, 1.0).checkpoint(folder / "checkpoint.h5")))
    gzip = operations.session_with(folder, 1.0).save(folder / "gzip.h5", compression="gzip")
    found.append(("result", gzip))
    light = np.arange(4000, dtype=np.int32) % 97
    found.append(("recording", write_cmcr(folder / "x.cmcr", light=[(0, light), (0, light)])))
    units = [VendorUnit(number, range(1000, 90_000, 900)) for number in (1, 2)]
    found.append(("recording", write_cmtr(folder / "x.cmtr", units, duration_us=200_000)))
    for name in ("playlist", "movie_length"):
        reader = "playlist" if name == "playlist" else "movie lengths"
        found.append((reader, Path(shutil.copy(_DATA / "sample" / f"{name}.csv", folder))))
    found.append(
        ("definition", Path(shutil.copy(_RESOURCES / "stimuli" / "step_up_5s_5i_b0_3x.json", folder)))
    )
    movie = np.arange(20 * 8 * 8, dtype=np.uint8).reshape(20, 8, 8)
    np.save(folder / "movie.npy", movie)
    savemat(folder / "movie.mat", {"movie": movie})
    found += [("movie", folder / "movie.npy"), ("movie", folder / "movie.mat")]
    found.append(("preset", Path(shutil.copy(_RESOURCES / "presets" / "quick_look.json", folder))))
    found.append(("flow", Path(shutil.copy(_RESOURCES / "flows" / "standard.json", folder))))
    calibration = {"pixel_um": 3.5, "matrix": [[1, 0, 0], [0, 1, 0]], "date": "2026-01-01"}
    note = {"file": "automatic-1-1.h5", "dataset_id": "x", "steps": ["a"], "n_units": 1, "size_bytes": 1,
            "written_at": 1.0, "host": "h", "pid": 1, "process_started": 1.0, "increments": []}  # fmt: skip
    settings = {"version": 1, "recent": ["a"], "recent_limit": 10}
    for name, content in (("calibration", calibration), ("note", note), ("settings", settings)):
        (folder / f"{name}.json").write_text(json.dumps(content))
        found.append((name, folder / f"{name}.json"))
    outcome = {"key": "a", "name": "a", "state": "done", "seconds": 1.0, "skipped": {"x": "y"}}
    (folder / "batch.json").write_text(json.dumps({"recordings": {"a": outcome}, **outcome}))
    found.append(("batch", folder / "batch.json"))
    titles, row = ("recording", "cmcr", "name", "add_section_time.pad_frame"), ("a", "a.cmcr", "b", "90")
    write_csv(folder / "table.csv", titles, [row])
    found.append(("table", folder / "table.csv"))
    if importlib.util.find_spec("openpyxl"):
        write_xlsx(folder / "table.xlsx", {"a": (titles, [row])})
        found.append(("table", folder / "table.xlsx"))
    (folder / "filter.txt").write_text('snr > 3 and (dsi <= 0.5 or not row = 2) and "Spike rate" != 1')
    found.append(("filter", folder / "filter.txt"))
    write_phy(folder / "phy")
    found += [("phy", path) for path in sorted((folder / "phy").iterdir())]
    return found


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return a file with bytes changed, cut off, put in or left out."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        at = rng.randrange(len(content)) if content else 0
        match rng.randrange(7):
            case 0 | 1 if content:
                content[at] ^= 1 << rng.randrange(8)
            case 2 if content:
                content[at : at + 8] = rng.choice((b"\xff", b"\x00", b"\x7f")) * min(8, len(content) - at)
            case 3:
                del content[at:]
            case 4:
                content[at:at] = rng.randbytes(rng.randrange(1, 40))
            case 5:
                del content[at : at + rng.randrange(1, 200)]
            case _:
                content[at:at] = rng.choice(_TEXTS).encode()
    return bytes(content)


def rewritten(rng: random.Random, value: Any) -> Any:
    """Return a JSON value in which something is of another kind."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        return {**value, key: rewritten(rng, value[key])} if rng.random() < 0.85 else {key: value[key]}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], rewritten(rng, value[at]), *value[at + 1 :]]
    deep: Any = []
    for _ in range(50):
        deep = [deep]
    kinds = (
        None,
        "",
        -1,
        0,
        1e308,
        float("nan"),
        10**30,
        [],
        {},
        [None],
        {"": 1},
        "\0\ud800",
        "a\nimport os",
        deep,
    )
    return rng.choice((*kinds, True, "x" * 5000, [[[]]]))


def hostile(rng: random.Random, path: Path) -> None:
    """Change a part of an HDF5 file into something that its reader does not expect."""
    places: list[str] = []
    with h5py.File(path, "r+") as file:
        file.visit(places.append)
        for _ in range(rng.choice((1, 1, 3))):
            place = rng.choice(places)
            above, _, name = place.rpartition("/")
            if not _is_there(file, place):
                continue
            parent = file[above or "/"]
            match rng.randrange(9):
                case 0:
                    del parent[name]
                case 1:
                    del parent[name]
                    parent[name] = h5py.SoftLink("/")
                case 2:
                    del parent[name]
                    parent[name] = h5py.ExternalLink("/etc/passwd", "/")
                case 3:
                    parent[f"again{rng.random()}"] = file[
                        rng.choice([each for each in places if _is_there(file, each)])
                    ]
                case 4:
                    item = file[place]
                    for attr in list(item.attrs):
                        item.attrs[attr] = rng.choice((b"", "\n", -1, np.arange(3), np.nan, "x" * 1000))
                case 5:
                    item = file[place]
                    for attr in list(item.attrs)[: rng.randrange(1, 4)]:
                        del item.attrs[attr]
                case 6:
                    del parent[name]
                    parent.create_dataset(name, (rng.choice((0, 1, 1 << 20, 1 << 40)),), "f8", chunks=True)
                case 7:
                    del parent[name]
                    parent[name] = rng.choice(
                        (b"x", "text", -1, np.zeros((2, 3)), np.array([b"a", b"b"]), 1j)
                    )
                case _:
                    del parent[name]
                    parent.create_group(name)


def _is_there(file: h5py.File, place: str) -> bool:
    """Return whether something is at a path, and no link that was put there before."""
    try:
        return isinstance(file[place], (h5py.Group, h5py.Dataset)) and not isinstance(
            file.get(place, getlink=True), (h5py.SoftLink, h5py.ExternalLink)
        )
    except (KeyError, OSError):
        return False


def make(rng: random.Random, seed: Path, target: Path) -> None:
    """Write a damaged or hostile copy of a file."""
    data = seed.read_bytes()
    if seed.suffix in (".h5", ".cmcr", ".cmtr") and rng.random() < 0.5:
        target.write_bytes(data)
        hostile(rng, target)
    elif seed.suffix == ".json" and rng.random() < 0.6:
        target.write_text(json.dumps(rewritten(rng, json.loads(data))), errors="surrogatepass")
    else:
        target.write_bytes(damaged(rng, data))


# -- running -----------------------------------------------------------------------------------------------


def _serve() -> None:
    """Read the files that are named on standard input; say of each what came of it."""
    faulthandler.enable(open(os.devnull, "w"))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_NBYTES, _MEMORY_NBYTES))
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        reader, path = line.rstrip("\n").split("\t")
        signal.alarm(_HANGS_S)
        try:
            READERS[reader](Path(path))
            said = "ok"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            place = "".join(f"{f.tb_frame.f_code.co_filename}:{f.tb_lineno} " for f in _frames(error)[-2:])
            kind = "memory" if isinstance(error, MemoryError) else "other error"
            why = f"{kind}\t{type(error).__name__}: {str(error)[:150]} {place}"
            said = "our error" if _is_ours(error) else why
        signal.alarm(0)
        sys.stdout.write(said.replace("\n", " ") + "\n")
        sys.stdout.flush()


def _frames(error: BaseException) -> list[Any]:
    found, tb = [], error.__traceback__
    while tb is not None:
        found.append(tb)
        tb = tb.tb_next
    return found


class _Child:
    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.faults.fuzz", "--serve"]
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment, cwd=Path(__file__).parents[2],
        )  # fmt: skip

    def ask(self, reader: str, path: Path) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{reader}\t{path}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n")
        if answer:
            return answer
        code = self.process.wait()
        return "hang" if code == -signal.SIGALRM else f"crash\tby signal {-code}"

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def fuzz(most: int, seed: int, readers: Sequence[str] = (), keep: Path | None = None) -> dict[str, Any]:
    """Let files be read; return how many ended how, and what must not be."""
    counts: Counter[str] = Counter()
    problems: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "seeds").mkdir()
        given = [each for each in seeds(folder / "seeds") if not readers or each[0] in readers]
        child = _Child()
        for number in range(most):
            rng = random.Random(f"{seed} {number}")
            # Each kind as often as the others, however many files it has.
            kind = rng.choice(sorted({reader for reader, _ in given}))
            source = rng.choice([path for reader, path in given if reader == kind])
            own = folder / f"n{number}"
            if kind == "phy":
                shutil.copytree(source.parent, own)
            else:
                own.mkdir()
            target = own / source.name
            make(rng, source, target)
            said, _, why = child.ask(kind, target).partition("\t")
            counts[said] += 1
            counts["files"] += 1
            if said not in ("ok", "our error"):
                problems[f"{kind} {source.name}: {said}: {why.replace(str(own), '')}"] += 1
                if keep is not None:
                    shutil.copy(target, keep / f"{kind}-{said}-{number}{target.suffix}".replace(" ", "-"))
            if said in ("hang", "crash"):
                child.end()
                child = _Child()
            shutil.rmtree(own)
        child.end()
    return {"counts": dict(counts), "problems": [f"{n} x {what}" for what, n in problems.most_common(60)]}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readers", nargs="*", default=[])
    parser.add_argument("--keep", type=Path)
    found = vars(parser.parse_args())
    if found.pop("serve"):
        _serve()
    else:
        sys.stdout.write(json.dumps(fuzz(**found), indent=1) + "\n")


if __name__ == "__main__":
    main()
