"""What a result file says about itself, for dialogs and lists: cheap whatever the file's size."""

from __future__ import annotations

import os
from pathlib import Path

from hdmea.results.decode import decode_attrs, decode_dataset, read_attrs
from hdmea.results.file_kind import identify, open_result
from hdmea.results.lab_layout import lab_text
from hdmea.results.session_content import FileSummary
from hdmea.results.session_read import read_texts
from hdmea.utils import h5

__all__ = ["summarize"]


def summarize(path: str | Path) -> FileSummary:
    """Return what a result file, checkpoint or earlier file of the lab holds, without reading its data.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is no session file.
    """
    path = Path(path)
    with open_result(path) as file:
        kind = identify(file, path)
        root = decode_attrs(*read_attrs(file), arrays=False)
        info, steps = {}, []
        if h5.has_link(file, "pipeline/session_info"):
            group = h5.open_group(file, "pipeline/session_info")
            info = decode_attrs(*read_attrs(group), arrays=False)
            if h5.has_link(group, "completed_steps"):
                steps = read_texts(decode_dataset(h5.open_dataset(group, "completed_steps"), plain=True))
        n_units = len(h5.link_names(h5.open_group(file, "units")))
    checkpoint = lab_text(info.get("checkpoint_name"))
    return FileSummary(
        path=path,
        size=os.path.getsize(path),
        dataset_id=lab_text(root.get("dataset_id")) or path.stem,
        n_units=n_units,
        completed_steps=tuple(lab_text(step) or "" for step in steps),
        created_at=lab_text(root.get("created_at")) or "",
        updated_at=lab_text(root.get("updated_at")) or lab_text(info.get("saved_at")) or "",
        checkpoint_name=checkpoint or None,
        save_state=lab_text(info.get("save_state")) or "saved",
        schema_version=kind.schema_version,
        layout=kind.layout,
    )
