"""A journal's visits on their way into columns: Arrow parses the blocks, Python the little around them."""

import io
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute
from pyarrow import json as arrow_json

from bench.events import Visit
from bench.records import Kind
from bench.storage.journal import StoreError, lines, parse

READINGS = ("start_s", "wall_s", "host_s", "device_s", "delay_s", "foreign_s", "throttled_s", "pace_s")
COUNTS = {"calls": 1, "threads": 1, "children": 0, "processors": 1}
"""Whole numbers of a block, and what an absent one stands for."""

VISIT = b'{"event":"visit"'
BLOCKS = b',"blocks":['
"""How the line of a visit begins, and where its blocks do."""

KINDS = get_args(Kind)
COLUMNS = (
    "case", "side", "launch", "pass", "kind", "start_s", "calls", *READINGS[1:], "threads", "children",
    "processors", "notes",
)  # fmt: skip

UNVISITED = {"extra": {}, "visits": 0, "failed_visits": 0, "outcome": "", "message": ""}
"""What the cases frame says of a case's visits, where there are none."""

CHUNK_BYTES = 1 << 25
"""Journal lines parsed at a time: a million blocks are 200 MB of them."""

FIELDS = {
    "kind": pa.string(),
    **dict.fromkeys(READINGS, pa.float64()),
    **dict.fromkeys(COUNTS, pa.int64()),
    "notes": pa.list_(pa.string()),
}
VISITS = pa.schema({"blocks": pa.list_(pa.struct(FIELDS))})


class Visits:
    """The visits of a journal. Raises StoreError where that is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self._cases: dict[tuple[str, str], dict[str, Any]] = {}
        self._codes: dict[str, dict[str, int]] = {"case": {}, "side": {"": 0}}
        self._visits: list[tuple[int, ...]] = []
        self._lists: list[pa.ListArray] = []
        pending: list[bytes] = []
        for number, line in enumerate(lines(folder), start=1):
            if line.startswith(VISIT):
                visit = parse(_without_blocks(line), number, folder)
                assert isinstance(visit, Visit)
                self._note(visit)
                pending.append(line)
                if number % 4096 == 0 and sum(map(len, pending)) > CHUNK_BYTES:
                    self._parse(pending, folder)
        self._parse(pending, folder)

    def _note(self, visit: Visit) -> None:
        """Counts a visit of its case, with the last extra_info and the last failure."""
        cases, sides = self._codes["case"], self._codes["side"]
        codes = cases.setdefault(visit.case, len(cases)), sides.setdefault(visit.side, len(sides))
        self._visits.append((*codes, visit.launch, visit.pass_))
        fresh = {**UNVISITED, "extra": {}, "outcome": "passed"}
        counted = self._cases.setdefault((visit.case, visit.side), fresh)
        counted["visits"] += 1
        counted["extra"] |= visit.extra_info
        if visit.outcome != "passed":
            counted["failed_visits"] += 1
            counted["outcome"], counted["message"] = visit.outcome, visit.message

    def _parse(self, pending: list[bytes], folder: Path) -> None:
        if not pending:
            return
        block_size = max(CHUNK_BYTES // 8, max(map(len, pending)) + 1)  # no line may straddle two of them
        try:
            table = arrow_json.read_json(
                io.BytesIO(b"".join(pending)),
                arrow_json.ReadOptions(block_size=block_size),
                arrow_json.ParseOptions(explicit_schema=VISITS, unexpected_field_behavior="ignore"),
            )
        except pa.ArrowInvalid as error:
            raise StoreError(
                f"{folder}: the journal's blocks cannot be read ({error}); the file was damaged after it was "
                "written: measure again."
            ) from None
        self._lists += table["blocks"].chunks
        pending.clear()

    def read(self) -> tuple[dict[tuple[str, str], dict[str, Any]], pd.DataFrame]:
        """What the visits say of each case and side; and the blocks, one a row: whose visit it was made in,
        then its own fields. An absent reading is NaN."""
        lists = pa.chunked_array(self._lists, VISITS.field("blocks").type).combine_chunks()
        lengths = compute.list_value_length(lists).fill_null(0).to_numpy()
        blocks = pa.Table.from_struct_array(lists.flatten())
        columns = {name: blocks[name].to_numpy() for name in READINGS}
        for name, default in COUNTS.items():
            columns[name] = blocks[name].fill_null(default).to_numpy()
        of_visit = np.array(self._visits, dtype=np.int32).reshape(-1, 4)
        case, side, columns["launch"], columns["pass"] = np.repeat(of_visit, lengths, axis=0).T
        for name, codes in (("case", case), ("side", side)):
            columns[name] = pd.Categorical.from_codes(codes, categories=list(self._codes[name]))
        kinds = compute.index_in(blocks["kind"], pa.array(KINDS)).fill_null(-1).to_numpy()
        columns["kind"] = pd.Categorical.from_codes(kinds, categories=list(KINDS))
        notes = compute.binary_join(blocks["notes"], ",").fill_null("")
        columns["notes"] = pd.array(notes.to_pandas(), dtype="str")
        return self._cases, pd.DataFrame({name: columns[name] for name in COLUMNS})


def _without_blocks(line: bytes) -> bytes:
    """A visit's line without its blocks: Arrow reads those.

    They are the last field, but for `elapsed_s` in journals of version 1. The mark cannot occur in a string,
    whose quotes have backslashes.
    """
    start = line.find(BLOCKS)
    return line if start < 0 else line[:start] + line[line.rindex(b"]") + 1 :]
