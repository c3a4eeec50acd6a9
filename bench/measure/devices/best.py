"""The best of repeated stretches that others left alone: how a ceiling is timed."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from bench.disturbance import disturbed, disturbs_itself
from bench.measure.devices.device import MAX_LAUNCHES, Device, Loop, Timed
from bench.measure.host.interference import Readings
from bench.records import Block, Kind

BLOCK_S = 5e-3

CLEAN_BLOCKS = 5
"""A ceiling is the best of so many undisturbed blocks."""

CLEAN_CALLS = 30
"""The same for single calls, which vary more than a block of them."""

PATIENCE_S = 0.3
"""How long undisturbed blocks are waited for. On a quiet machine five take 0.03 s."""

Call = Callable[[], object]


@dataclass
class Best:
    """Times calls on a device by the rule that judges blocks; `disturbed` names what was never left alone."""

    device: Device
    readings: Readings = field(default_factory=Readings)
    disturbed: list[str] = field(default_factory=list)

    def seconds(self, name: str, call: Call) -> float:
        """Seconds of one call, back to back: by events where they serve, else by synchronized wall time."""

        def run(k: int) -> None:
            for _ in range(k):
                call()

        run(2)
        fastest_s = self.device.time("wall", run, 1).wall_s

        def block() -> tuple[float, bool]:
            nonlocal fastest_s
            calls = max(1, min(MAX_LAUNCHES, int(BLOCK_S / max(fastest_s, 1e-7))))
            if self.device.is_accelerator:
                on_device_s = self.device.time("device", run, calls).device_s
                if on_device_s is not None:  # its queue stayed full: the host's delay did not reach it
                    return on_device_s / calls, True
            timed, clean = self._judged("wall", run, calls)
            seconds = timed.wall_s / calls
            fastest_s = min(fastest_s, seconds)
            return seconds, clean

        return self._best(name, block, CLEAN_BLOCKS)

    def host_seconds(self, name: str, run: Loop, calls: int) -> float:
        """The host's seconds of one call, back to back: until it returns, without a last wait."""

        def block() -> tuple[float, bool]:
            timed, clean = self._judged("wall", run, calls)
            return (timed.wall_s if timed.host_s is None else timed.host_s) / calls, clean

        run(2)
        return self._best(name, block, CLEAN_BLOCKS)

    def latency(self, name: str, run: Loop, ahead: Call = lambda: None) -> float:
        """Seconds of one call and its synchronization; `ahead` is called before each, untimed."""

        def block() -> tuple[float, bool]:
            ahead()
            timed, clean = self._judged("latency", run, 1)
            return timed.wall_s, clean

        run(1)
        return self._best(name, block, CLEAN_CALLS)

    def _judged(self, kind: Kind, run: Loop, calls: int) -> tuple[Timed, bool]:
        """A timed stretch, and whether others left the processors alone meanwhile."""
        self.readings.before(0.0)
        timed = self.device.time(kind, run, calls)
        block = Block(kind, 0.0, calls, timed.wall_s, **asdict(self.readings.after()))
        return timed, not disturbed(block, disturbs_itself(block, block.processors))

    def _best(self, name: str, block: Callable[[], tuple[float, bool]], enough: int) -> float:
        clean: list[float] = []
        others: list[float] = []
        until_s = time.monotonic() + PATIENCE_S
        while len(clean) < enough and (time.monotonic() < until_s or not (clean or others)):
            seconds, undisturbed = block()
            (clean if undisturbed else others).append(seconds)
        if not clean:
            self.disturbed.append(name)
        return min(clean or others)
