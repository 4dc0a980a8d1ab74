"""Result files that the laboratory's earlier scripts wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdmea.pipeline import PipelineSession

NOISE = "perfect_dense_noise_15x15_15hz_r42_3min"
MOVIES = {"baseline_127", "freq_step_5st_3x", "green_blue_3s_3i_3x", "moving_h_bar_s5_d8_3x", NOISE}


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("immediate", {"frif", f"sta_{NOISE}"}),
        ("deferred_11_steps", {"ap_tracking", "eimage_sta", f"sta_{NOISE}"}),
    ],
)
def test_both_layouts_open_as_sessions(shared_data: Path, name: str, features: set[str], lazy: bool) -> None:
    session = PipelineSession.load(shared_data / "lab_files" / f"{name}.h5", lazy=lazy)

    assert session.dataset_id == "2025.04.10-11.12.57-Rec"
    assert session.acquisition_rate == 20_000
    assert {unit: len(data["spike_times"]) for unit, data in session.units.items()} == {
        "unit_001": 4974,
        "unit_006": 4509,
    }
    assert set(session.units["unit_001"]["features"]) == features
    assert session.units["unit_001"]["features"][f"sta_{NOISE}"]["data"].shape == (60, 15, 15)
    assert MOVIES < set(session.stimulus["section_time"])
    assert len(session.metadata["frame_timestamps"]) == 35_766
    assert session.warnings == []


def test_a_clone_stays_small(shared_data: Path) -> None:
    sizes = {path: path.stat().st_size for path in shared_data.rglob("*") if path.is_file()}
    laboratory = [size for path, size in sizes.items() if path.parent.name == "lab_files"]
    assert len(laboratory) == 2
    assert max(laboratory) <= 1_500_000
    assert sum(sizes.values()) <= 12_000_000
