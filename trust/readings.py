"""What the readings around a block cost, in a process of so many threads: `python -m trust.readings 8`.

A process of its own, since numpy's pool would add its threads to those that are asked for.
"""

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.measure.drive.entry import BLOCK_S
from bench.measure.host.interference import Readings

BLOCKS = 200

SETTLING = 5000
"""Rounds of hashing, some milliseconds without Python's lock: threads that wait for that lock sleep again
meanwhile. A library's threads do not need it."""


def main(threads: int) -> None:
    """Prints the seconds of all readings, and of asking the kernel for nothing but its threads' figures."""
    with awake(threads - 1) as wake:
        readings = Readings()
        asked = around(lambda: readings.before(BLOCK_S), readings.after, wake)
        files = [os.open(file, os.O_RDONLY) for file in Path("/proc/self/task").glob("*/schedstat")]

        def bare() -> None:
            for file in files:
                os.pread(file, 80, 0)

        print(json.dumps({"threads": len(files), "all_s": asked, "kernel_s": around(bare, bare, wake)}))


def around(before: Callable[[], object], after: Callable[[], object], wake: Callable[[], None]) -> float:
    """The median seconds of what is done before and after a block in which every thread is awake."""
    spent_s = []
    for _ in range(BLOCKS):
        begun_s = time.perf_counter()
        before()
        ready_s = time.perf_counter()
        wake()
        hashlib.pbkdf2_hmac("sha256", b"", b"", SETTLING)
        ended_s = time.perf_counter()
        after()
        spent_s.append(ready_s - begun_s + time.perf_counter() - ended_s)
    return median(spent_s)


@contextmanager
def awake(count: int) -> Iterator[Callable[[], None]]:
    """A function that wakes `count` threads and returns when each has run."""
    begin, done, over = threading.Barrier(count + 1), threading.Barrier(count + 1), threading.Event()

    def run() -> None:
        while True:
            begin.wait()
            if over.is_set():
                return
            done.wait()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()

    def wake() -> None:
        begin.wait()
        done.wait()

    try:
        yield wake
    finally:
        over.set()
        begin.wait()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]))
