"""What recorded runs spent their time on, and what for: `python -m trust.spending RUN...` prints a table.

To hold two revisions against each other, record runs of both in turn on one machine, and name them all.
"""

import sys

import pandas as pd

from bench.analyze.blocks.clean import marked_blocks
from bench.storage.tables import Run
from trust.recorded import named


def spent(run: Run) -> dict[str, float | str]:
    """One run's row: its seconds, the shares of them that went to what, and what a case got.

    `counted` is the share inside wall, latency, device and cold blocks that count; `counting` the share of
    the wall blocks that do; `visits` and `launches` the median case's, of visits with a block that counts.
    """
    blocks = marked_blocks(run)
    blocks = blocks[blocks["side"] == ""]
    seconds = dict(run.end.spent_s) if run.end else {}  # `main` refuses what did not end
    total_s = sum(seconds.values())
    wall, counted = blocks[blocks["kind"] == "wall"], blocks[blocks["counted"]]
    visits = counted.groupby("case", observed=True)[["launch", "pass"]].apply(
        lambda each: len(each.drop_duplicates())
    )
    return {
        "run": run.name,
        "seconds": total_s,
        "counted": counted["wall_s"].sum() / total_s,
        "counting": wall["counted"].mean(),
        **{name: part_s / total_s for name, part_s in seconds.items()},
        "cases": float(blocks["case"].nunique()),
        "visits": float(visits.median()),
        "launches": float(counted.groupby("case", observed=True)["launch"].nunique().median()),
    }


def main(paths: list[str]) -> None:
    """Prints a row for each of the runs in these folders."""
    runs = named(paths, "spending")
    if unfinished := [run.name for run in runs if run.end is None or not sum(run.end.spent_s.values())]:
        sys.exit(f"trust: {', '.join(unfinished)} did not end, and does not say what its time went to")
    table = pd.DataFrame([spent(run) for run in runs])
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3g}"))


if __name__ == "__main__":
    main(sys.argv[1:])
