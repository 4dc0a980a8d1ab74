"""Lines of several units can be told apart, also without one type of cone."""

from __future__ import annotations

import numpy as np
import pytest

from hdmea_gui.shell.theme import DARK, LIGHT, Theme, contrast

# Machado, Oliveira and Fernandes (2009), severity 1.
# Each row is what a cone type's loss makes of red, green and blue.
WITHOUT = {
    "none": np.eye(3),
    "L": np.reshape(
        (
            *(0.152286, 1.052583, -0.204868),
            *(0.114503, 0.786281, 0.099216),
            *(-0.003882, -0.048116, 1.051998),
        ),
        (3, 3),
    ),
    "M": np.reshape(
        (0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881),
        (3, 3),
    ),
    "S": np.reshape(
        (1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039),
        (3, 3),
    ),
}
TO_XYZ = np.reshape(
    (
        *(0.4124564, 0.3575761, 0.1804375),
        *(0.2126729, 0.7151522, 0.072175),
        *(0.0193339, 0.119192, 0.9503041),
    ),
    (3, 3),
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(colours: tuple[str, ...], cone: str) -> np.ndarray:
    """Return CIE L*a*b* of colours as they are seen without a cone type."""
    rgb = np.array([[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ WITHOUT[cone].T, 0, 1) @ TO_XYZ.T / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack((116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])), axis=1)


@pytest.mark.parametrize("cone", WITHOUT)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_all_pairs_differ_clearly(theme: Theme, cone: str) -> None:
    seen = lab(theme.series, cone)
    distance = np.linalg.norm(seen[:, None] - seen[None], axis=-1)

    # 2.3 is just noticeable; two shades of one colour are 30 apart.
    assert distance[np.triu_indices(len(seen), 1)].min() > (50 if cone == "none" else 25)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_all_stand_out_from_the_background(theme: Theme) -> None:
    assert min(contrast(colour, theme.base) for colour in theme.series) >= 3
