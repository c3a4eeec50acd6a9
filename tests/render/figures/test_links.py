"""The picture of copies between host and device: each under what its own link shows."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.names import THIN
from bench.render.drawing import colours, style
from bench.render.figures import links
from tests.render.figures import seen


def drawn(analyzed: AnalyzedRun, ceilings: Mapping[str, Any]) -> Axes:
    with style.in_style(large=True):
        drawing = links.draw("cuda", analyzed.cases, ceilings, colours.of_contenders([]))
    assert drawing
    assert seen.overlaps(drawing.figure) == []
    assert seen.outside(drawing.figure) == []
    return drawing.figure.axes[0]


def said(axes: Axes) -> dict[str, str]:
    """What is said of the link of each curve."""
    assert axes.figure
    texts = [text.get_text().replace(THIN, " ") for text in seen.texts(axes.figure)]  # type: ignore[arg-type]
    return {name: link for name, link in pairwise(texts) if link.startswith("link: ")}


def dotted(axes: Axes) -> list[list[tuple[float, float]]]:
    return [seen.at(line) for line in axes.lines if len(seen.at(line)) == links.STEPS]


def test_a_pageable_link_is_said_to_be_no_straight_line_and_a_pinned_one_has_its_line(
    h200: AnalyzedRun,
) -> None:
    assert h200.run.ceilings
    found = said(drawn(h200, h200.run.ceilings["cuda"]))
    assert found["to device, pinned"] == "link: 54 GB/s after 25 µs"
    assert found["to host, pinned"] == "link: 54 GB/s after 27 µs"
    assert found["to device, pageable"] == "link: no straight line, ≈ 8.4 GB/s"
    assert found["to host, fresh"] == "link: no straight line, ≈ 12 GB/s"


def test_every_link_is_drawn_through_its_own_copies(h200: AnalyzedRun) -> None:
    """Today's runs keep them: bends show, and no line reckoned from a latency that is none."""
    assert h200.run.ceilings
    sizes, seconds = [2**10, 2**19, 2**23, 2**28], [1.9e-5, 6.6e-5, 6.5e-4, 3.4e-2]
    kept = {**h200.run.ceilings["cuda"]["to_device_pageable"], "sizes": sizes, "seconds": seconds}
    axes = drawn(h200, {**h200.run.ceilings["cuda"], "to_device_pageable": kept})
    assert said(axes)["to device, pageable"].startswith("link: no straight line")
    off = []
    for curve in dotted(axes):
        x, y = np.array(curve).T
        shown = np.exp(np.interp(np.log(sizes), np.log(x), np.log(y)))
        off.append(np.abs(np.log(shown * seconds / sizes)).max())
    assert min(off) < 0.05
