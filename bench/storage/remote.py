"""Runs in an object store, named by a URL such as s3://bucket/runs: what is read of them is fetched.

pyarrow's filesystems know the stores and their credentials: https://arrow.apache.org/docs/python/filesystems.html
"""

import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyarrow import fs, parquet

from bench.storage.formats.reader import SUFFIXES
from bench.storage.journal import JOURNAL, StoreError
from bench.storage.tables import BLOCKS, JOURNAL_BYTES

TABLES = ("cases.parquet", "contests.parquet", "environment.json")
"""The files of a run that a history is made of."""

JOURNALS = (JOURNAL, f"{JOURNAL}.gz")

READ = re.compile("|".join(map(re.escape, (*JOURNALS, BLOCKS, *TABLES))) + "|profiles/.*")
"""The files of a run that any reader opens. The others are pages and figures, for people."""

AT_ONCE = 8
"""Files fetched side by side: each is a wait for the store rather than work."""


@dataclass(frozen=True)
class Fetched:
    """Where runs lie now: `paths` in the order in which they were named; `origins` are URLs by folder."""

    paths: Sequence[Path]
    origins: Mapping[str, str]

    def named(self, text: str) -> str:
        """A text in which fetched files go by their URLs."""
        for folder, url in self.origins.items():
            text = text.replace(folder, url)
        return text


def is_remote(path: str | Path) -> bool:
    return "://" in str(path)


@contextmanager
def fetched(paths: Sequence[str | Path], tables: bool = False) -> Iterator[Fetched]:
    """The runs at these paths as local ones, while the block runs: those in a store are fetched.

    With `tables` only those of a run, where they are as new as its journal. Raises StoreError, in the block
    too, with URLs in the place of temporary files.
    """
    with ExitStack() as stack:
        found, origins = list[Path](), dict[str, str]()
        for path in paths:
            found.append(Path(path))
            if is_remote(path):
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-fetched-"))
                found[-1] = _fetch(str(path), Path(folder), tables)
                origins[str(found[-1])] = str(path).rstrip("/")
        there = Fetched(found, origins)
        try:
            yield there
        except StoreError as error:
            raise StoreError(there.named(str(error))) from error


@contextmanager
def written(out: str | Path | None) -> Iterator[Path | None]:
    """A local path for what belongs at `out`; what lies there goes into a store when the block ends well."""
    if out is None or not is_remote(out):
        yield Path(out) if out else None
        return
    with tempfile.TemporaryDirectory(prefix="bench-written-") as folder:
        local = Path(folder) / _last(str(out))
        yield local
        with _refusals(str(out), "written"):
            filesystem, root = fs.FileSystem.from_uri(str(out))
            fs.copy_files(str(local), root, destination_filesystem=filesystem)


def _fetch(url: str, folder: Path, tables: bool) -> Path:
    """Fetches what is read of the runs at a URL into a folder; where they lie there."""
    target = folder / _last(url)
    with _refusals(url, "read"):
        filesystem, root = fs.FileSystem.from_uri(url)
        if filesystem.get_file_info(root).type == fs.FileType.File:
            fs.copy_files(root, str(target), source_filesystem=filesystem)
            return target
        listed = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
        sizes = {each.path[len(root) :].lstrip("/"): each.size for each in listed if each.is_file}
        chosen = read_of(sizes, partial(_tabled, filesystem, root) if tables else lambda *_: False)
        for parent in {(target / name).parent for name in chosen}:
            parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            copies = [
                pool.submit(fs.copy_files, f"{root}/{name}", str(target / name), source_filesystem=filesystem)
                for name in chosen
            ]
            for copy in copies:
                copy.result()
    if not chosen:
        raise StoreError(f"{url} holds no run; expected a run's folder or a folder of runs.")
    return target


def read_of(sizes: Mapping[str, int], tabled: Callable[[str, int | None], bool]) -> list[str]:
    """Which of these files, given with their bytes, a reader opens: of each run all but what is for people.

    Where its tables will do, as `tabled` says of a table of blocks and the bytes of its journal, they alone.
    Where there is no run, the files that may be other tools'.
    """
    runs = defaultdict[str, list[str]](list)
    for name in sizes:
        folder, _, inside = name.partition("/")
        if READ.fullmatch(name):
            runs[""].append(name)
        elif READ.fullmatch(inside):
            runs[f"{folder}/"].append(name)
    chosen = []
    for run, files in runs.items():
        journal = next((sizes[run + each] for each in JOURNALS if run + each in sizes), None)
        if journal is None and f"{run}{TABLES[0]}" not in files:
            continue
        few = [run + each for each in TABLES if run + each in sizes]
        chosen += few if len(few) == len(TABLES) and tabled(run + BLOCKS, journal) else files
    return chosen or [name for name in sizes if name.endswith(SUFFIXES)]


def _tabled(filesystem: fs.FileSystem, root: str, blocks: str, journal: int | None) -> bool:
    """Whether a run's tables were made from its whole journal; without one they are all there is."""
    if journal is None:
        return True
    try:
        schema = parquet.read_schema(f"{root}/{blocks}", filesystem=filesystem)
        return int(schema.metadata[JOURNAL_BYTES]) == journal
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return False


def _last(url: str) -> str:
    """The last part of a URL's path, which names a run or a file."""
    return url.partition("?")[0].rstrip("/").rpartition("/")[2]


@contextmanager
def _refusals(url: str, done: str) -> Iterator[None]:
    """What a store refuses becomes a StoreError."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        why = str(error).partition("\n")[0].partition(". Detail:")[0].rstrip(".")
        raise StoreError(
            f"{url} cannot be {done} ({why}); expected an address such as s3://bucket/runs, and credentials "
            "in the environment or in the store's own files."
        ) from None
