"""Raw recordings for scripts that read them themselves; the reader is `hdmea.recordings`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdmea.io.cmtr import on_session, source_of
from hdmea.pipeline import loading
from hdmea.recordings.reader import open_signals, open_units

if TYPE_CHECKING:
    from hdmea.pipeline import PipelineSession

__all__ = ["add_sys_meta_info", "load_cmcr_data"]


def load_cmcr_data(cmcr_path: str | Path) -> dict[str, Any]:
    """Return light signals and metadata of a raw recording.

    Returns
    -------
    dict
        ``light_reference``: ``raw_ch1``, ``1khz_ch1``, ``10hz_ch1`` and the same of channel 2, float32;
        ``metadata``; ``acquisition_rate`` in Hz; ``source_path``.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    DataLoadError
        If it cannot be read.
    """
    with open_signals(cmcr_path) as source:
        channels = {f"ch{number}": number for number in range(1, min(source.info.n_light_channels, 2) + 1)}
        light = loading.light_reference(source, channels, lambda part, text: None) if channels else {}
        facts = loading.recording_facts(source.info)
        return {
            "light_reference": light,
            "metadata": {**facts, "recording_duration_s": source.info.duration_s},
            "acquisition_rate": source.info.sampling_rate,
            "source_path": str(cmcr_path),
        }


def add_sys_meta_info(
    session: PipelineSession | None = None,
    hdf5_path: str | Path | None = None,
    cmcr_path: str | Path | None = None,
    cmtr_path: str | Path | None = None,
    *,
    force: bool = False,
) -> PipelineSession | bool:
    """Add what both source files say of themselves, as ``cmcr_meta`` and ``cmtr_meta`` of the metadata.

    Parameters
    ----------
    session, hdf5_path
        Where to: a session, which is returned, or a result file, which is changed.
    cmcr_path, cmtr_path
        The files; by default those that the recording was loaded from. One that is not known is left out.
    force
        Replace what exists; otherwise it is kept.

    Raises
    ------
    MissingInputError
        If neither a session nor a file is given, or no source file is known.
    FileNotFoundError
        If a file does not exist.
    """

    def add(target: PipelineSession) -> None:
        found: dict[str, dict[str, Any]] = {}
        given = {"cmcr": cmcr_path, "cmtr": cmtr_path}
        if not any(given.values()) and not any(target.source_files.get(f"{kind}_path") for kind in given):
            source_of(target, "cmcr", None)
        for kind, path in given.items():
            if not (path or target.source_files.get(f"{kind}_path")):
                continue
            place = source_of(target, kind, path)
            if kind == "cmcr":
                with open_signals(place) as raw:
                    found["cmcr_meta"] = loading.recording_facts(raw.info)
            else:
                with open_units(place) as sorting:
                    found["cmtr_meta"] = dict(sorting.info.metadata)
        for name, facts in found.items():
            known = {} if force else target.metadata.get(name, {})
            target.metadata[name] = {**facts, **known}
        target.mark_step_complete("add_sys_meta_info")

    return on_session(session, hdf5_path, add)
