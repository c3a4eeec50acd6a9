"""Colours: apart to every reader, on light and on dark ground; one a contender."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.analyze.contests.contests import Choice
from bench.render.drawing import colours

Array = NDArray[np.float64]

CONES = {
    "all": (1, 0, 0, 0, 1, 0, 0, 0, 1),
    "no red": (
        0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998,
    ),
    "no green": (
        0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881,
    ),
    "no blue": (
        1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039,
    ),
}  # fmt: skip
"""What readers see: Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color
vision deficiency" (2009), at full severity."""

GROUNDS = {"light": "#ffffff", "dark": "#14171a"}
APART = 15.0
"""Distance in CIELAB from which two colours are told apart at a glance; 2 is just noticeable side by side."""


def linear(code: str) -> Array:
    values = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: Array) -> Array:
    to_xyz = (
        (0.4124564, 0.3575761, 0.1804375),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339, 0.1191920, 0.9503041),
    )
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    bright = (float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    light, dark = sorted(bright, reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("cones", CONES)
def test_any_two_are_told_apart(cones: str, ground: int) -> None:
    seen = [lab(np.reshape(CONES[cones], (3, 3)) @ linear(pair[ground])) for pair in colours.PALETTE]
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(one - other) >= APART


@pytest.mark.parametrize("ground", [0, 1], ids=["light", "dark"])
def test_each_stands_out_from_its_ground(ground: int) -> None:
    for pair in colours.PALETTE:
        assert contrast(pair[ground], list(GROUNDS.values())[ground]) >= 3


def choice(between: str, *contenders: str) -> Choice:
    return Choice("s", "o", "n", between, "throughput", {}, contenders, (), ())


NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=len(colours.PALETTE), unique=True)


@given(st.lists(NAMES, max_size=6))
def test_contenders_that_meet_for_the_first_time_have_colours_of_their_own(groups: list[list[str]]) -> None:
    met: set[str] = set()
    chosen = colours.of_contenders(choice("way", *names) for names in groups)
    for names in groups:
        if not met & set(names):
            assert len({chosen[name] for name in names}) == len(names)
        met |= set(names)


@pytest.mark.parametrize("accelerator", [True, False])
def test_well_known_contenders_keep_their_colour_from_run_to_run(accelerator: bool) -> None:
    groups: list[Any] = [choice("engine", "torch", "onnxruntime"), choice("engine", "torch", "numpy")]
    chosen = colours.of_contenders(([choice("device", "cpu", "cuda")] if accelerator else []) + groups)
    assert [chosen[name] for name in ("torch", "onnxruntime", "numpy")] == [2, 3, 4]


def test_data_moved_in_any_way_is_told_from_both_devices() -> None:
    chosen = colours.of_contenders([choice("device", "cpu", "cuda")])
    assert len({chosen[name] for name in ("cpu", "cuda", *colours.PLACEMENTS)}) == 6
