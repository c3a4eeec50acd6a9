"""The journal: a run's append-only file of events, one JSON object a line, locked while it is written.

It is the only file a run writes while it measures, so that a killed run loses at most the line in hand.
"""

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bench.codec import SchemaError
from bench.events import EVENTS, VERSION, End, Event, Header

JOURNAL = "journal.jsonl"
HEADER = b'{"event":"header"'


class StoreError(Exception):
    """What was seen in a run's files, what was expected there, and what to try."""


class Journal(AbstractContextManager["Journal"]):
    """A run's open journal. Only one process holds it; closing it, or dying, lets it go.

    Raises StoreError where the folder cannot be written, already holds a run, or is in other hands.
    """

    def __init__(self, folder: Path, file: int) -> None:
        import fcntl  # POSIX only: reading a run must work where writing one does not

        self.folder = folder
        self._file = file
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise StoreError(
                f"{folder} is being written by another process; wait for it, or choose another --out."
            ) from None

    @classmethod
    def create(cls, folder: Path, header: Header) -> Self:
        """A new journal in `folder` (made where missing), with its header written.

        Where the header cannot be written, nothing is left.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = os.open(folder / JOURNAL, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        except FileExistsError:
            raise StoreError(
                f"{folder} already holds a run; expected a new folder; go on with it by --resume, or "
                "choose another --out."
            ) from None
        except OSError as error:
            raise StoreError(
                f"{folder} cannot be written ({error.strerror}); choose another --out."
            ) from error
        journal = cls(folder, file)
        try:
            journal.append(header)
        except BaseException:  # Ctrl-C, too
            journal.close()
            (folder / JOURNAL).unlink()
            with suppress(OSError):  # others may have put something there
                folder.rmdir()
            raise
        return journal

    @classmethod
    def resume(cls, folder: Path) -> tuple[Self, list[Event]]:
        """The journal of a killed run, ready to go on, and its events; a torn last line is cut off."""
        try:
            file = os.open(folder / JOURNAL, os.O_RDWR | os.O_APPEND)
        except OSError as error:
            raise StoreError(
                f"{folder} has no journal to go on with ({error.strerror}); start anew without --resume."
            ) from error
        journal = cls(folder, file)
        past = list(events(folder))
        whole = (folder / JOURNAL).read_bytes().rfind(b"\n") + 1
        os.ftruncate(file, whole)
        return journal, past

    def append(self, event: Event) -> None:
        """Writes one event as one line. On a full disk the lines before it stay whole."""
        line = EVENTS.encode(event) + b"\n"
        if not (self.folder / JOURNAL).exists():
            raise StoreError(
                f"{self.folder} was moved or removed while it was written; put it back, then go on by "
                "--resume, or measure again."
            )
        end = os.fstat(self._file).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            os.ftruncate(self._file, end)
            raise StoreError(
                f"{self.folder / JOURNAL} cannot be written ({error.strerror}); what was measured before is "
                "kept; make room, then go on by --resume."
            ) from error

    def close(self) -> None:
        """Puts the journal on the disk and lets it go."""
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    def __exit__(self, *_: object) -> None:
        self.close()


def journal_file(folder: Path) -> Path:
    """A run's journal, there or not; one that is only kept to be read may be compressed."""
    plain, compressed = folder / JOURNAL, folder / f"{JOURNAL}.gz"
    return compressed if compressed.is_file() and not plain.is_file() else plain


def size(folder: Path) -> int:
    """Bytes of a run's journal as it is now; 0 where there is none."""
    try:
        return journal_file(folder).stat().st_size
    except OSError:
        return 0


def lines(folder: Path, end: int = sys.maxsize) -> Iterator[bytes]:
    """Every whole line of a run's journal; a torn last line is left out. Raises StoreError without one.

    Of one that is being written, only what lies within its first `end` bytes.
    """
    file, read = journal_file(folder), 0
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            for line in stream:
                read += len(line)
                if read > end and file.suffix != ".gz":
                    return
                if line.endswith(b"\n"):
                    yield line
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"{folder} has no readable {file.name} ({reason}); name a folder that `bench run` made."
        ) from error


def parse(line: bytes, number: int, folder: Path) -> Event:
    """The event on one line of a journal. Raises StoreError where it is none."""
    try:
        event: Event = EVENTS.decode(line)
    except SchemaError as error:
        raise damaged(folder, number, str(error)) from None
    return event


def damaged(folder: Path, number: int, seen: str) -> StoreError:
    """The error of a line that nobody wrote so."""
    return StoreError(
        f"{journal_file(folder)}, line {number}: {seen}; the file was damaged after it was written: "
        "measure again, or cut that line out."
    )


def events(folder: Path, without: bytes = b"", end: int = sys.maxsize) -> Iterator[Event]:
    """Every event of a run in the order written, the header first; lines that begin so are not even parsed.
    `end` as of `lines`.

    Raises StoreError where the journal is missing, damaged, or of a later version than this code's.
    """
    file, number = journal_file(folder), 0
    for number, line in enumerate(lines(folder, end), start=1):
        if number == 1 and not line.startswith(HEADER):
            raise StoreError(f"{file}, line 1: seen {line[:40]!r}, expected a header; name another run.")
        if without and line.startswith(without):
            continue
        event = parse(line, number, folder)
        if isinstance(event, Header) and event.version > VERSION:
            raise StoreError(
                f"{file} is of version {event.version}, from a later bench; this one reads up to version "
                f"{VERSION}: install the later one."
            )
        yield event
    if number == 0:
        raise StoreError(f"{file} holds no whole line: that run was killed at its start; measure again.")


def header(folder: Path) -> Header:
    """The header of a run. Raises StoreError where the journal is missing or damaged."""
    first = next(events(folder))
    assert isinstance(first, Header)
    return first


def check_out(out: Path) -> None:
    """Raises StoreError where a run's folder could not be made in `out`: before anything is measured."""
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise _no_folder(out, f"{there} is a file")
    if not os.access(there, os.W_OK | os.X_OK):
        fixed = os.statvfs(there).f_flag & os.ST_RDONLY
        why = "lies on a read-only file system" if fixed else "is not yours to write into"
        raise _no_folder(out, f"{there} {why}")


def _no_folder(folder: Path, why: str | None) -> StoreError:
    return StoreError(
        f"{folder} cannot be made or written into ({why}); choose another --out, a folder that you can write "
        "into."
    )


def new_run_folder(out: Path, host: str, commit: str) -> Path:
    """A new, empty folder in `out`, named by time (UTC), host and commit so that names sort by time."""
    parts = [datetime.now(UTC).strftime("%Y%m%dT%H%M%S"), host, commit[:10]]
    name = "-".join("".join(c if c.isalnum() else "_" for c in part) for part in parts if part)
    for copy in range(1, 1000):
        folder = out / (name if copy == 1 else f"{name}-{copy}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise _no_folder(folder, error.strerror) from error
        return folder
    raise StoreError(f"{out} holds 1000 runs named {name}; choose another --out.")


def find_runs(path: Path) -> list[Path]:
    """The run folders at `path`: itself, or those in it, oldest name first. Raises StoreError for none."""
    try:
        if _is_run(path):
            return [path]
        runs = sorted(folder for folder in path.iterdir() if _is_run(folder)) if path.is_dir() else []
    except OSError as error:  # a folder that is not ours to look into, a name that is too long
        raise StoreError(f"{path} cannot be looked into ({error.strerror}); name another run.") from None
    if not runs:
        raise StoreError(
            f"{path} {'holds no run' if path.exists() else 'does not exist'}; expected a run's folder or a "
            "folder of runs, such as `bench run` puts into reports/."
        )
    return runs


def has_runs(path: Path) -> bool:
    """True for a run's folder, and a folder of runs."""
    try:
        return bool(find_runs(path))
    except StoreError:
        return False


def unfinished(out: Path) -> Path | None:
    """The newest run in `out` that was not measured to its end, or None. A gate is none: it has two sides."""
    runs = sorted(out.glob(f"*/{JOURNAL}"), reverse=True)
    return next((run.parent for run in runs if _begun(run) and not _complete(run) and not _sided(run)), None)


def _is_run(folder: Path) -> bool:
    return journal_file(folder).is_file() or (folder / "cases.parquet").is_file()


def _begun(journal: Path) -> bool:
    """False for a journal of some other program."""
    with journal.open("rb") as stream:
        return stream.read(len(HEADER)) == HEADER


def _sided(journal: Path) -> bool:
    """True for a gate's journal, or a calibration's."""
    try:
        about = header(journal.parent)
    except StoreError:
        return False
    return bool(about.gate or about.calibration)


def _complete(journal: Path) -> bool:
    with journal.open("rb") as stream:
        stream.seek(max(journal.stat().st_size - 65536, 0))
        tail = stream.read().splitlines(keepends=True)
    try:
        end = EVENTS.decode(tail[-1]) if tail and tail[-1].endswith(b"\n") else None
    except SchemaError:
        return False
    return isinstance(end, End) and end.complete
