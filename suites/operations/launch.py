"""Starts the ranks of `ranks.py` by `torchrun`, asks them for what they are to do, and ends them all.

On several machines, run on each of them, with the first one's name and a free port of it:

    python suites/operations/launch.py cuda --ranks 8 --machines 2 --first FIRST_MACHINE:29400

What goes wrong is told in a line: a rank that dies, a port that is taken, ranks that never answer.
"""

import argparse
import contextlib
import errno
import json
import re
import select
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

RANKS = Path(__file__).with_name("ranks.py")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run")

FREE_PORT = "localhost:0"
"""Where the ranks of one machine meet: the system chooses a port that nobody has."""

TIMEOUT_S = 90  # to start takes 8 s, a minute on a busy machine
LEAVE_S = 5  # for the ranks to leave by themselves
END_S = 40  # torchrun gives its ranks 30 s to end

IMAGES, BATCH = 4096, 64


class LaunchError(Exception):
    """Why the ranks did not do what was asked, in a line."""


@contextlib.contextmanager
def started(kind, ranks, images=IMAGES, batch=BATCH, machines=1, first=FREE_PORT):
    """So many ranks of this machine, for as long as the context lasts: `ask("epoch")` has them train.

    They end with the context, and with this process: they read from it until there is no more to read.
    """
    check_port(first)
    command = [
        *TORCHRUN, "--rdzv-backend", "c10d", "--rdzv-endpoint", first,
        "--nnodes", str(machines), "--nproc-per-node", str(ranks),
        str(RANKS), kind, str(images), str(batch),
    ]  # fmt: skip
    pipe = subprocess.PIPE
    with tempfile.TemporaryFile("w+") as errors:
        running = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True)

        def told():
            """The next line, as JSON. None where they have ended well: another machine's rank tells."""
            if not select.select([running.stdout], [], [], TIMEOUT_S)[0]:
                raise LaunchError(f"{ranks} ranks have not answered within {TIMEOUT_S} s")
            if line := running.stdout.readline():
                return json.loads(line)
            if running.wait(END_S):
                errors.seek(0)
                raise LaunchError(cause(errors.read(), ranks * machines))
            return None

        def ask(what):
            with contextlib.suppress(BrokenPipeError):  # then `told` says why
                print(what, file=running.stdin, flush=True)
            return told()

        try:
            told()  # that they are ready
            yield ask
        finally:
            end(running)


def check_port(first):
    """Raises LaunchError where the ranks are to meet at a port of this machine that another program has."""
    host, _, port = first.rpartition(":")
    try:
        address = socket.gethostbyname(host)
    except OSError:
        address = ""
    if not (address and port.isdecimal() and int(port) < 2**16):
        raise LaunchError(f"no machines can meet at {first!r}; expected HOST:PORT of the first one")
    try:
        socket.create_server((address, 0)).close()
        socket.create_server(("", int(port))).close()  # the ranks' own server listens to all of its addresses
    except OSError as error:  # else it is another machine's
        if error.errno == errno.EADDRINUSE:
            raise LaunchError(f"port {port} of {host} is taken by another program; try another one") from None


def cause(errors, ranks):
    """Which rank died first and of what, by what torchrun and the ranks have written."""
    root = errors.partition("Root Cause")[2]
    rank = re.search(r"rank\s*: (\d+)", root)
    killed = re.search(r"Signal \d+ \(\w+\)", root)
    told = [line for line in errors.splitlines() if "Error: " in line and "ChildFailedError" not in line]
    why = f"killed by {killed[0]}" if killed else told[0].strip() if told else "no error was told"
    return f"rank {rank[1]} of {ranks} died: {why}" if rank else f"{ranks} ranks did not start: {why}"


def end(running):
    """Ends the ranks: they leave where there is nothing more to read, or torchrun makes them."""
    with contextlib.suppress(BrokenPipeError):
        running.stdin.close()
    for patience_s, stop in ((LEAVE_S, running.terminate), (END_S, running.kill)):
        try:
            running.wait(patience_s)
            break
        except subprocess.TimeoutExpired:
            stop()
    running.wait()
    running.stdout.close()


def main():
    """One epoch and one exchange of its gradients, told by the machine that has the first rank."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("cpu", "cuda"))
    parser.add_argument("--ranks", type=int, default=1, help="on each machine")
    parser.add_argument("--machines", type=int, default=1)
    parser.add_argument("--first", default=FREE_PORT, metavar="HOST:PORT", help="where all machines meet")
    asked = parser.parse_args()
    try:
        with started(asked.kind, asked.ranks, machines=asked.machines, first=asked.first) as ask:
            if (epoch := ask("epoch")) and (exchange := ask("exchange")):
                print(
                    f"{asked.ranks * asked.machines} ranks: {IMAGES} images in {epoch['seconds']:.3f} s; "
                    f"to exchange the gradients of its {epoch['value']:.0f} steps alone takes "
                    f"{exchange['seconds']:.3f} s"
                )
    except LaunchError as error:
        sys.exit(f"launch: {error}")


if __name__ == "__main__":
    main()
