"""One colour a contender, everywhere: in every figure and on the page, on light and on dark ground."""

from collections.abc import Iterable, Mapping, Sequence

from bench.analyze.contests.contests import Choice

PALETTE = (
    ("#0072b2", "#4f9df0"), ("#d55e00", "#f08a3c"), ("#009e73", "#3ad19a"), ("#c76a9f", "#f4b3d6"),
    ("#3f1f7a", "#9d6bff"), ("#6b4f00", "#ffe9a8"),
)  # fmt: skip
"""Each colour on light and on dark ground: three times as bright as the ground, or a third, at least.

The first four on light ground are Okabe and Ito's (https://jfly.uni-koeln.de/color/), the third a little
darker than their pink. A test holds how far any two lie apart to readers who lack a kind of cone."""

ACCELERATOR = 0
KNOWN = {"cpu": 1, "torch": 2, "onnxruntime": 3, "numpy": 4}
"""Contenders that keep their place in the palette from run to run; devices but the CPU have `ACCELERATOR`."""

PLACEMENTS = ("inputs pinned", "inputs pageable", "round_trip pinned", "round_trip pageable")
"""Where data has to be moved, as curves of one figure: told apart from each other and from both devices."""

Colours = Mapping[str, int]
"""A contender's place in the palette, by its name."""


def of_contenders(choices: Iterable[Choice]) -> dict[str, int]:
    """A colour for every contender: another one than those it meets have, and the least used of these."""
    groups: list[tuple[str, tuple[str, ...]]] = [(each.between, each.contenders) for each in choices]
    devices = dict.fromkeys(name for between, names in groups if between == "device" for name in names)
    chosen = {name: ACCELERATOR for name in devices if name != "cpu"}
    chosen |= {name: KNOWN[name] for name in KNOWN if any(name in names for _, names in groups)}
    for _, names in [("trip", ("cpu", *devices, *PLACEMENTS)), *groups]:
        for name in names:
            if name not in chosen:
                chosen[name] = _free(names, chosen)
    return chosen


def _free(met: Sequence[str], chosen: Mapping[str, int]) -> int:
    """The colour that the fewest have, of those that nobody met has if there is one."""
    taken = {chosen[name] for name in met if name in chosen}
    uses = list(chosen.values())
    return min(range(len(PALETTE)), key=lambda each: (each in taken, uses.count(each), each))


def light(position: int) -> str:
    """The colour on light ground, which figures are drawn in."""
    return PALETTE[position % len(PALETTE)][0]


def css() -> str:
    """The palette as `--c0`, `--c1` …, which a page's pictures and tables are coloured by."""
    on_light, on_dark = (
        "".join(f"--c{position}:{pair[ground]};" for position, pair in enumerate(PALETTE))
        for ground in (0, 1)
    )
    return f":root{{{on_light}}}@media (prefers-color-scheme: dark){{:root{{{on_dark}}}}}\n"
