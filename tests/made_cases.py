"""Cases that never ran: what each is, how long it truly takes, and what goes wrong with it. For tests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.events import Outcome

LINK = {"latency_s": 8e-6, "bytes_per_s": 2.5e10}


@dataclass(frozen=True)
class Made:
    """A made case: its identity, its true seconds per call, its work, and what goes wrong with it."""

    suite: str
    operation: str
    params: dict[str, Any]
    seconds: float
    device: str = "cpu"
    axis: str = ""
    between: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    isolate: str = ""
    disturbed: float = 0.05
    children: int = 0
    outcome: Outcome = "passed"
    message: str = ""
    skip: str = ""
    doc: str = ""
    first_factor: float = 20.0

    @property
    def id(self) -> str:
        values = "-".join(str(value) for value in (self.device, *self.params.values()))
        return f"suites/{self.suite}.py::test_{self.operation}[{values}]"

    @property
    def accelerated(self) -> bool:
        return self.device != "cpu"


def powers(first: int, last: int, step: int = 4) -> list[int]:
    sizes = [first]
    while sizes[-1] * step <= last:
        sizes.append(sizes[-1] * step)
    return sizes


def course(accelerator: str | None = "cuda") -> list[Made]:
    """Cases of all seven families, with times as a small server's would be."""
    devices = ["cpu"] + ([accelerator] if accelerator else [])
    return [
        *_bridge(),
        *_transfer(accelerator),
        *_matmul(devices),
        *_loader(),
        *_network(devices),
        *_epoch(devices),
        *_engines(),
        *_troubled(),
    ]


def _bridge() -> Iterator[Made]:
    for n in powers(64, 2**24, 8):
        for how, seconds in {
            "from_numpy": 6e-7,
            "as_tensor": 7e-7,
            "tensor": 1.5e-6 + n * 4e-10,
            "clone": 1.2e-6 + n * 3.6e-10,
        }.items():
            extra = {"bytes": 8 * n if how in ("tensor", "clone") else 0}
            doc = "An array becomes a tensor: shared memory or a copy."
            yield Made(
                "test_01_bridge", "bridge", {"how": how, "n": n}, seconds, "cpu", "n", "how", extra, doc=doc
            )


def _transfer(accelerator: str | None) -> Iterator[Made]:
    if accelerator is None:
        yield Made(
            "test_02_transfer", "to_device", {}, 0, "accelerator", skip="no accelerator on this machine"
        )
        return
    for n in powers(2**10, 2**28):
        for direction in ("to_device", "to_host"):
            seconds = LINK["latency_s"] + n / LINK["bytes_per_s"]
            extra = {"bytes": n, "link": direction}
            yield Made("test_02_transfer", direction, {"size": n}, seconds, accelerator, extra=extra)


def _matmul(devices: Sequence[str]) -> Iterator[Made]:
    for n in powers(16, 4096):
        flops, moved = 2 * n**3, 12 * n**2
        size = {"input_bytes": 8 * n**2, "output_bytes": 4 * n**2}
        for device in devices:
            fixed, rate = (1e-6, 6e10) if device == "cpu" else (9e-6, 1.4e13)
            extra = {"flops": flops, "bytes": moved, **size}
            params = {"n": n, "dtype": "float32"}
            yield Made("test_03_matmul", "matmul", params, fixed + flops / rate, device, "n", "device", extra)
            bandwidth = 1.1e10 if device == "cpu" else 1.3e12
            mul = {"flops": n**2, "bytes": moved, **size}
            yield Made("test_03_matmul", "mul", params, fixed + moved / bandwidth, device, "n", "device", mul)
        for threads in (1, 2):
            seconds = 1.2e-6 * threads**3 + flops / (3.1e10 * threads)
            params = {"n": n, "threads": threads}
            yield Made(
                "test_03_matmul", "matmul_threads", params, seconds, "cpu", "n", "threads", {"flops": flops}
            )


def _loader() -> Iterator[Made]:
    for batch in powers(16, 1024):
        for workers in (0, 1, 2, 4):
            seconds = 3.0 / max(workers * 0.8, 1) + 60000 / batch * (1e-4 + 5e-4 * (workers > 0))
            yield Made(
                "test_04_loader",
                "load_epoch",
                {"num_workers": workers, "batch_size": batch},
                seconds / 20,
                "cpu",
                "batch_size",
                "num_workers",
                {"items": 3000, "start_method": "fork"},
                isolate="loader",
                children=workers,
                doc="A twentieth of FashionMNIST, batch by batch.",
            )


def _network(devices: Sequence[str]) -> Iterator[Made]:
    for batch in powers(1, 1024):
        for device in devices:
            fixed, each = (2e-5, 2.2e-5) if device == "cpu" else (1.6e-4, 4e-8)
            for operation, times in {"forward": 1, "backward": 2.1, "step": 3.4}.items():
                extra = {
                    "items": batch,
                    "flops": 1.34e6 * batch * times,
                    "input_bytes": 3136 * batch,
                    "output_bytes": 40 * batch,
                }
                yield Made(
                    "test_05_network",
                    operation,
                    {"batch": batch},
                    times * (fixed + each * batch),
                    device,
                    "batch",
                    "device",
                    extra,
                    doc="The course's 784-512-512-10 network.",
                )


def _epoch(devices: Sequence[str]) -> Iterator[Made]:
    for device in devices:
        seconds = 4.2 if device == "cpu" else 1.9
        extra = {"items": 60000, "accuracy": 0.842, "data": "generated", "wait_share": 0.31}
        yield Made(
            "test_06_epoch", "train_epoch", {"batch": 64}, seconds, device, extra=extra, first_factor=1.2
        )


def _engines() -> Iterator[Made]:
    for batch in powers(1, 1024):
        for engine, (fixed, each) in {"torch": (4.1e-5, 2.0e-6), "onnxruntime": (1.4e-5, 2.6e-6)}.items():
            yield Made(
                "test_07_engines",
                "infer",
                {"engine": engine, "batch": batch},
                fixed + each * batch,
                "cpu",
                "batch",
                "engine",
                {"items": batch},
                isolate=engine,
            )


def _troubled() -> Iterator[Made]:
    suite = "test_08_troubled"
    yield Made(suite, "noisy", {}, 3e-4, disturbed=0.995)
    yield Made(suite, "raises", {}, 1e-4, outcome="failed", message="ValueError: shapes do not match")
    yield Made(suite, "hangs", {}, 1e-4, outcome="timeout", message="no answer for 60 s")
    yield Made(suite, "<script>alert(1)</script>", {"text": "</script><b>"}, 2e-4)


def curve(
    operation: str,
    seconds: dict[str, Callable[[float], float]],
    sizes: Sequence[float],
    between: str = "engine",
) -> list[Made]:
    """Cases of contenders along an axis `n`, their true times given as functions of size."""
    return [
        replace(
            Made("test_curves", operation, {between: name, "n": size}, time(size)), axis="n", between=between
        )
        for name, time in seconds.items()
        for size in sizes
    ]
