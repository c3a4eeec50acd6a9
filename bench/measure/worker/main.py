"""A worker as a process: a pytest session that `steering` makes obey the coordinator.

Run by `bench.measure.start.process`, or in a fork by `bench.measure.worker.template`: they pass the file
descriptor of the channel and pytest's arguments;
`bench.measure.worker.protocol` has what is said over the channel.
"""

import gc
import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

import pytest

from bench import plain
from bench.measure import compat
from bench.measure.devices import available
from bench.measure.host import kinship, priority
from bench.measure.worker import dropped, hygiene, plugin, protocol
from bench.measure.worker.steering import Steering


def _hide_ourselves() -> None:
    """Frees the name `bench`, so that a suite which has a package of that name imports its own."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "bench"]:
        sys.modules[f"_{name}"] = sys.modules.pop(name)


def _flush() -> None:
    """Writes out what was printed, since the coordinator looks there for why a session ended."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a full disk, or a test that closed it
            stream.flush()


def main(descriptor: int, arguments: list[str]) -> None:
    """Runs a worker over the channel at `descriptor`; returns when the coordinator says so or is gone."""
    kinship.die_with_parent()
    channel = protocol.Channel(Connection(descriptor), protocol.REPLIES, protocol.COMMANDS)
    os.register_at_fork(after_in_child=channel.connection.close)
    _hide_ourselves()
    gc.disable()  # until all is collected: importing torch takes a fifth less time
    try:
        compat.check()
        priority.raise_priority()
        for name in filter(None, os.environ.get("BENCH_DEVICES", "").split(",")):
            available.get(name)
        status = pytest.main(arguments, plugins=[plugin, hygiene, dropped, Steering(channel)])
        _flush()
    except (compat.CompatError, available.DeviceError, priority.PriorityError) as error:
        channel.send(protocol.Ended(refusal=str(error)))
    except EOFError:
        os._exit(1)
    except BaseException as error:  # pytest itself, as of a settings file: told like errors that it tells
        refusal = hygiene.undecodable(arguments) if isinstance(error, UnicodeDecodeError) else ""
        line = f"INTERNALERROR> {type(error).__name__}: {plain.text(error)}\n"
        os.write(2, line.encode(errors="replace"))
        channel.send(protocol.Ended(pytest.ExitCode.INTERNAL_ERROR, refusal, hygiene.addopts()))
    else:
        channel.send(protocol.Ended(int(status), addopts=hygiene.addopts()))
        os._exit(0)  # pytest has torn all down; taking torch apart as well would cost seconds a launch
