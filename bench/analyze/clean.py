"""Which blocks count: those that others left alone. The rule never looks at how long a block took."""

import pandas as pd

from bench.records import DELAY_LIMIT, FOREIGN_LIMIT

UNSTEADY = "allocated|throttled|foreign_device_use"
"""Notes of a block during which the device asked for memory, slowed down, or served others."""

STEADY_KINDS = ("wall", "latency", "device", "cold")


def marked(blocks: pd.DataFrame) -> pd.DataFrame:
    """The blocks with `disturbed` and `counted`; a reading that the system does not offer disturbs nothing.

    A case that disturbs itself in any block (children, or more threads than processors) is judged by the
    processor time that others took, every other case by its own run-queue delay; both by what a control
    group withheld. A device block whose queue stayed full does not depend on its host.
    """
    itself = (blocks["children"] > 0) | (blocks["threads"] > blocks["processors"])
    disturbs_itself = itself.groupby(blocks["case"], observed=True).transform("any")
    foreign = blocks["foreign_s"] / (blocks["wall_s"] * blocks["processors"]) > FOREIGN_LIMIT
    delayed = blocks["delay_s"] / blocks["wall_s"] > DELAY_LIMIT
    throttled = blocks["throttled_s"] / blocks["wall_s"] > DELAY_LIMIT
    on_device = (blocks["kind"] == "device") & blocks["device_s"].notna()
    by_host = (foreign.where(disturbs_itself, delayed) | throttled) & ~on_device
    disturbed = by_host | blocks["notes"].str.contains(UNSTEADY)
    return blocks.assign(disturbed=disturbed, counted=~disturbed & blocks["kind"].isin(STEADY_KINDS))


def unread(blocks: pd.DataFrame) -> pd.Series:
    """True for a block whose disturbance nothing on this system shows."""
    return blocks["delay_s"].isna() & blocks["foreign_s"].isna()
