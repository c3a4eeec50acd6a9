"""Faults of a test: code that stands between two good cases, and how its own case has to end.

Each is real: nothing of bench is replaced. `says` is what the case's reason holds, "" where it is measured.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class InTest:
    """The body of a module with one case, `test_fault`; the status that this gets, and why.

    `slow` ones wait for a time-out.
    """

    name: str
    code: str
    status: str = "measured"
    says: str = ""
    slow: bool = False


def called(statement: str) -> str:
    """A module whose timed call makes a statement."""
    return f"def call():\n    {statement}\n\ndef test_fault(benchmark):\n    benchmark(call)\n"


def before(statement: str) -> str:
    """A module whose test makes a statement, never undone, and then times something."""
    return f"def test_fault(benchmark):\n    {statement}\n    benchmark(sum, [1])\n"


IN_TESTS = (
    # How a call ends.
    InTest("raises", called("1 / 0"), "failed", "ZeroDivisionError"),
    InTest("raises_a_base_exception", called("raise BaseException('odd')"), "failed", "odd"),
    InTest(
        "raises_a_group", called("raise ExceptionGroup('all', [ValueError('x')])"), "failed", "ValueError: x"
    ),
    InTest("system_exit", called("raise SystemExit(0)"), "failed", "SystemExit"),
    InTest("sys_exit", called("import sys; sys.exit('enough')"), "failed", "enough"),
    InTest("exits_hard", called("import os; os._exit(0)"), "failed", "exited with status 0"),
    InTest("keyboard_interrupt", called("raise KeyboardInterrupt"), "failed", "KeyboardInterrupt"),
    InTest("pytest_exit", called("import pytest; pytest.exit('enough')"), "failed", "enough"),
    InTest("segfault", called("import ctypes; ctypes.string_at(0)"), "failed", "SIGSEGV"),
    InTest("abort", called("import os; os.abort()"), "failed", "SIGABRT"),
    InTest("kills_itself", called("import os; os.kill(os.getpid(), 9)"), "failed", "killed"),
    InTest("kills_its_group", called("import os; os.killpg(0, 15)"), "failed", "SIGTERM"),
    InTest("recurses", called("call()"), "failed", "recursion"),
    InTest("no_memory", called("bytearray(1 << 60)"), "failed", "MemoryError"),
    InTest("skips_late", called("import pytest; pytest.skip('not here')"), "skipped", "not here"),
    InTest(
        "expected_failure",
        "import pytest\n@pytest.mark.xfail(reason='known')\n" + before("assert False"),
        "skipped",
        "known",
    ),
    InTest(
        "unittest_expected_failure",
        "import unittest, pytest\nclass TestIt(unittest.TestCase):\n"
        "    @pytest.fixture(autouse=True)\n    def given(self, benchmark): self.benchmark = benchmark\n"
        "    @unittest.expectedFailure\n    def test_fault(self): assert self.benchmark(sum, [1]) == 2\n",
        "skipped",
        "it is expected to fail, and does",
    ),
    InTest(
        "in_a_thread_that_it_leaves",
        "import threading\nbegun = threading.Event()\ndef test_fault(benchmark):\n"
        "    threading.Thread(target=benchmark, args=(begun.set,)).start()\n    begun.wait()\n",
    ),
    InTest("blocks_signals", before("import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))")),
    InTest("traces_memory", before("import tracemalloc; tracemalloc.start(20)")),
    InTest("is_polite", before("import os; os.nice(19)")),
    InTest("forges_torch", before("import sys; sys.modules['torch'] = None")),
    InTest(
        "replaces_open_while_timed",
        "from unittest import mock\ndef test_fault(benchmark):\n"
        "    with mock.patch('builtins.open', side_effect=OSError):\n        benchmark(sum, [1])\n",
    ),
    InTest("called_twice", before("benchmark(sum, [1])"), "failed", "FixtureAlreadyUsed"),
    InTest("never_called", "def test_fault(benchmark):\n    pass\n", "skipped", "without calling benchmark"),
    InTest(
        "assertion_after",
        "def test_fault(benchmark):\n    assert benchmark(sum, [1]) == 2\n",
        "failed",
        "assert 1 == 2",
    ),
    InTest("is_not_callable", "def test_fault(benchmark):\n    benchmark(3)\n", "failed", "must be callable"),
    InTest("message_is_huge", called("raise ValueError('x' * 10**7)"), "failed", "ValueError"),
    InTest(
        "message_raises",
        "class Odd(Exception):\n    def __str__(self): 1 / 0\n    __repr__ = __str__\n" + called("raise Odd"),
        "failed",
        "",
    ),
    # Fixtures.
    InTest(
        "no_such_fixture", "def test_fault(benchmark, nothing_like_it):\n    pass\n", "failed", "not found"
    ),
    InTest(
        "set_up_raises",
        "import pytest\n@pytest.fixture\ndef broken():\n    raise OSError('no data')\n"
        "def test_fault(benchmark, broken):\n    benchmark(sum, [1])\n",
        "failed",
        "no data",
    ),
    InTest(
        "tear_down_raises",
        "import pytest\n@pytest.fixture\ndef broken():\n    yield\n    raise OSError('left')\n"
        "def test_fault(benchmark, broken):\n    benchmark(sum, [1])\n",
        "failed",
        "left",
    ),
    InTest(
        "fixture_exits",
        "import os, pytest\n@pytest.fixture\ndef broken():\n    os._exit(7)\n"
        "def test_fault(benchmark, broken):\n    benchmark(sum, [1])\n",
        "failed",
        "status 7",
    ),
    InTest(
        "benchmark_replaced",
        "import pytest\n@pytest.fixture\ndef benchmark():\n    return lambda f, *a: f(*a)\n" + before("pass"),
        "failed",
        "expected pytest-benchmark's fixture",
    ),
    # What hangs.
    InTest("hangs", called("import time; time.sleep(999)"), "timeout", "no answer", slow=True),
    InTest(
        "deadlocks",
        called("import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"),
        "timeout",
        "no answer",
        slow=True,
    ),
    InTest("stops_itself", called("import os; os.kill(os.getpid(), 19)"), "timeout", "no answer", slow=True),
    InTest(
        "spins_deaf",
        called("import signal\n    signal.signal(15, signal.SIG_IGN)\n    while True: pass"),
        "timeout",
        "no answer",
        slow=True,
    ),
    # What it does to its process, and leaves so.
    InTest("closes_descriptors", before("import os; os.closerange(3, 512)"), "failed", ""),
    InTest("closes_streams", before("import os; os.close(1); os.close(2)")),
    InTest("loses_stdout", before("import sys; sys.stdout = sys.stderr = None")),
    InTest("prints_much", before("print('x' * 10**7)")),
    InTest("prints_bytes", before("import os; os.write(1, bytes(range(256)))")),
    InTest("changes_directory", before("import os; os.chdir('/')")),
    InTest(
        "deletes_its_directory",
        before("import os, tempfile; d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)"),
    ),
    InTest("clears_the_environment", before("import os; os.environ.clear()")),
    InTest("clears_the_path", before("import sys; sys.path.clear()")),
    InTest(
        "ignores_signals", before("import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]")
    ),
    InTest("breaks_hooks", before("import sys; sys.excepthook = sys.unraisablehook = None")),
    InTest("closes_the_umask", before("import os; os.umask(0o777)")),
    InTest("lowers_the_recursion_limit", before("import sys; sys.setrecursionlimit(90)"), "any"),
    InTest("lowers_its_limits", before("import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (64, 4096))")),
    InTest(
        "no_large_files",
        before("import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (0, r.RLIM_INFINITY))"),
        "any",
    ),
    InTest("traces", before("import sys; sys.settrace(lambda *a: None)")),
    InTest("profiles", before("import sys; sys.setprofile(lambda *a: None)")),
    InTest("switches_often", before("import sys; sys.setswitchinterval(1e-6)")),
    InTest("collector", before("import gc; gc.disable(); gc.set_threshold(1); gc.unfreeze()")),
    InTest("sets_debugging", before("import gc; gc.set_debug(gc.DEBUG_STATS)")),
    InTest("stops_the_clock", before("import time; time.perf_counter = time.monotonic = lambda: 0.0")),
    InTest(
        "runs_the_clock_backwards",
        before(
            "import itertools, time; count = itertools.count(); "
            "time.perf_counter = time.monotonic = time.thread_time = time.process_time = lambda: -next(count)"
        ),
    ),
    InTest("replaces_os", before("import os; os.pread = os.fstat = os.getpid = os.listdir = None"), "any"),
    InTest("replaces_open", before("import builtins, io; builtins.open = io.open = None"), "any"),
    InTest("replaces_sleep", before("import time; time.sleep = None")),
    InTest("replaces_json", before("import json; json.dumps = json.loads = None")),
    InTest(
        "unloads_modules",
        before("import sys; [sys.modules.pop(n) for n in ('json', 'os', 'bench') if n in sys.modules]"),
    ),
    InTest("warns", before("import warnings; warnings.warn('old', DeprecationWarning)")),
    InTest("warnings_are_errors", before("import warnings; warnings.simplefilter('error')")),
    # What it starts.
    InTest("forks_into_the_test", before("import os; os.fork()")),
    InTest("leaves_a_child", before("import os, time\n    if not os.fork(): time.sleep(999); os._exit(0)")),
    InTest(
        "leaves_a_session",
        before("import subprocess; subprocess.Popen(['sleep', '999'], start_new_session=True)"),
    ),
    InTest(
        "leaves_a_busy_thread",
        before(
            "import threading, time\n    threading.Thread(target=lambda: "
            "[time.sleep(0.01) for _ in range(9999)], daemon=True).start()"
        ),
    ),
    InTest(
        "leaves_a_thread_for_ever",
        before("import threading; threading.Thread(target=threading.Event().wait).start()"),
    ),
    InTest("atexit_raises", before("import atexit; atexit.register(lambda: 1 / 0)")),
    InTest("atexit_hangs", before("import atexit, time; atexit.register(lambda: time.sleep(999))")),
    InTest(
        "exits_hang",
        before(
            "import threading; lock = threading.Lock(); lock.acquire(); "
            "threading._register_atexit(lock.acquire)"
        ),
    ),
)
