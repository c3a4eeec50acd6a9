"""A journal's visits on their way into columns: Arrow parses the blocks, Python the little around them."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute
from pyarrow import json as arrow_json

from bench.events import Code, HeldBack, Skip, Visit, test_of
from bench.records import Kind
from bench.storage.journal import damaged, lines, parse

READINGS = ("start_s", "wall_s", "host_s", "device_s", "delay_s", "foreign_s", "throttled_s", "pace_s")
COUNTS = {"calls": 1, "threads": 1, "children": 0, "processors": 1}
"""Whole numbers of a block, and what an absent one stands for."""

VISIT, CODE, HELD, SKIP = (f'{{"event":"{name}"'.encode() for name in ("visit", "code", "held", "skip"))
BLOCKS = b',"blocks":['
"""How the lines of these events begin, and where a visit's blocks do."""

KINDS = get_args(Kind)
COLUMNS = (
    "case", "side", "launch", "pass", "kind", "start_s", "calls", *READINGS[1:], "threads", "children",
    "processors", "notes",
)  # fmt: skip

UNVISITED = {"extra": {}, "visits": 0, "failed_visits": 0, "outcome": "", "message": ""}
"""What the cases frame says of a case's visits, where there are none."""

REQUIRED = {"kind": None, "start_s": None, "calls": 1, "wall_s": 0.0}
"""What every block has, and the least that it may be."""

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
    """The visits among the lines of a journal, or of what stands for one in `folder`.

    Raises StoreError where that is missing or damaged.
    """

    def __init__(self, folder: Path, journal: Iterable[bytes] | None = None) -> None:
        self._cases: dict[tuple[str, str], dict[str, Any]] = {}
        self._codes: dict[str, dict[str, int]] = {"case": {}, "side": {"": 0}}
        self._visits: list[tuple[int, ...]] = []
        self._lists: list[pa.ListArray] = []
        self._digests: dict[str, str] = {}
        self._counts_from: dict[int, int] = {}  # of a case, the first visit that counts
        self._held: dict[str, HeldBack] = {}  # by case, while nothing of it follows
        pending: dict[int, bytes] = {}
        for number, line in enumerate(lines(folder) if journal is None else journal, start=1):
            if line.startswith(VISIT):
                rest, blocks = _parted(line)
                visit = parse(rest, number, folder)
                assert isinstance(visit, Visit)
                self._held.pop(visit.case, None)
                self._note(visit)
                pending[number] = blocks
                if number % 4096 == 0 and sum(map(len, pending.values())) > CHUNK_BYTES:
                    self._parse(pending, folder)
            elif line.startswith(CODE):
                code = parse(line, number, folder)
                assert isinstance(code, Code)
                self._renew(code)
            elif line.startswith(HELD) or (self._held and line.startswith(SKIP)):
                event = parse(line, number, folder)
                assert isinstance(event, HeldBack | Skip)
                self._held.pop(event.case, None)
                if isinstance(event, HeldBack):
                    self._held[event.case] = event
        for visit in (visit for held in self._held.values() for visit in held.visits):
            self._note(visit)
            pending[-len(pending) - 1] = b"{}\n"  # failures, which were not tried once more: no block counts
        self._parse(pending, folder)

    def _renew(self, code: Code) -> None:
        """Forgets what was noted of cases whose test had other code."""
        before = self._digests.get(code.test)
        self._digests[code.test] = code.digest
        if before in (None, code.digest):
            return
        for case, number in self._codes["case"].items():
            if test_of(case) == code.test:
                self._counts_from[number] = len(self._visits)
        for case, side in [key for key in self._cases if test_of(key[0]) == code.test]:
            del self._cases[case, side]
        for case in [case for case in self._held if test_of(case) == code.test]:
            del self._held[case]

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

    def _parse(self, pending: dict[int, bytes], folder: Path) -> None:
        """Takes in the blocks of visits by the number of their line. Raises StoreError, which names it."""
        if not pending:
            return
        try:
            lists = _lists(list(pending.values()))
            faulty = _faulty(lists)
        except pa.ArrowInvalid:
            lists, faulty = [], _first_unread(pending.values())
        if faulty is not None:
            raise damaged(folder, [*pending][faulty], "seen blocks that are none, expected a visit's")
        self._lists += lists
        pending.clear()

    def read(self) -> tuple[dict[tuple[str, str], dict[str, Any]], pd.DataFrame]:
        """What the visits say of each case and side; and the blocks, one a row: whose visit it was made in,
        then its own fields. An absent reading is NaN."""
        lists = pa.chunked_array(self._lists, VISITS.field("blocks").type).combine_chunks()
        of_visit = np.array(self._visits, dtype=np.int32).reshape(-1, 4)
        if self._counts_from:
            first = np.array([self._counts_from.get(number, 0) for number in of_visit[:, 0]])
            counted = np.arange(len(of_visit)) >= first
            lists, of_visit = lists.filter(pa.array(counted)), of_visit[counted]
        lengths = compute.list_value_length(lists).fill_null(0).to_numpy()
        blocks = pa.Table.from_struct_array(lists.flatten())
        columns = {name: blocks[name].to_numpy() for name in READINGS}
        for name, default in COUNTS.items():
            columns[name] = blocks[name].fill_null(default).to_numpy()
        case, side, columns["launch"], columns["pass"] = np.repeat(of_visit, lengths, axis=0).T
        for name, codes in (("case", case), ("side", side)):
            columns[name] = pd.Categorical.from_codes(codes, categories=list(self._codes[name]))
        kinds = compute.index_in(blocks["kind"], pa.array(KINDS)).fill_null(-1).to_numpy()
        columns["kind"] = pd.Categorical.from_codes(kinds, categories=list(KINDS))
        notes = compute.binary_join(blocks["notes"], ",").fill_null("")
        columns["notes"] = pd.array(notes.to_pandas(), dtype="str")
        return self._cases, pd.DataFrame({name: columns[name] for name in COLUMNS})


def _lists(lines_: list[bytes]) -> list[pa.ListArray]:
    """The blocks of each line. Raises ArrowInvalid where a line is no JSON or a field of another type."""
    block_size = max(CHUNK_BYTES // 8, max(map(len, lines_)) + 1)  # no line may straddle two of them
    table = arrow_json.read_json(
        io.BytesIO(b"".join(lines_)),
        arrow_json.ReadOptions(block_size=block_size),
        arrow_json.ParseOptions(explicit_schema=VISITS, unexpected_field_behavior="ignore"),
    )
    chunks: list[pa.ListArray] = table["blocks"].chunks
    if len(table) != len(lines_):
        raise pa.ArrowInvalid(f"{len(table)} objects on {len(lines_)} lines")
    return chunks


def _first_unread(lines_: Iterable[bytes]) -> int:
    """Which of the lines cannot be read."""
    for place, line in enumerate(lines_):
        try:
            _lists([line])
        except pa.ArrowInvalid:
            return place
    return 0


def _faulty(lists: list[pa.ListArray]) -> int | None:
    """Which of the visits has a block without what every block has, or with what none can have."""
    before = 0
    for part in lists:
        blocks = part.flatten()
        fine = blocks.is_valid().to_numpy(zero_copy_only=False)
        for name, least in REQUIRED.items():
            values = blocks.field(name)
            fine &= values.is_valid().to_numpy(zero_copy_only=False)
            if least is not None:
                fine &= compute.greater_equal(values.fill_null(least), least).to_numpy(zero_copy_only=False)
        if not fine.all():
            lengths = compute.list_value_length(part).fill_null(0).to_numpy()
            return before + int(np.searchsorted(np.cumsum(lengths), int(np.argmin(fine)), side="right"))
        before += len(part)
    return None


def _parted(line: bytes) -> tuple[bytes, bytes]:
    """A visit's line without its blocks, and these on a line of their own, which Arrow reads.

    They are the last field, but for `elapsed_s` in journals of version 1. The mark cannot occur in a string,
    whose quotes have backslashes.
    """
    start, end = line.find(BLOCKS), line.rfind(b"]") + 1
    if start < 0 or end <= start:
        return line, b"{}\n"
    return line[:start] + line[end:], b"{" + line[start + 1 : end] + b"}\n"
