"""An accelerator that torch believes in, with known times: the truth that measurements are held against.

`autoload` registers the device `sim`. Its tensors compute with the processor's kernels, but only when a
value is read; what an operation *takes* is the timeline's affair: each one queues

    fixed_s + flops / flops_per_s     products and convolutions
    fixed_s + bytes / bytes_per_s     everything else that reads or writes memory
    copy_latency_s + bytes / copy_bytes_per_s     copies between host and device

seconds of device time; views and `empty` queue nothing. In real time the host's clock is
`time.perf_counter` and the host really waits; with a virtual clock the host's own costs are parameters
too, and nothing depends on the machine.

Known limits: `torch.accelerator`'s own synchronize and memory calls raise, there is no pinned memory and
one stream; a value that is read holds the host up for as long as the processor needs to compute it.
"""

import json
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.utils import backend_registration

NAME = "sim"
PARAMETERS = "SIMULATED_ACCELERATOR"
"""The environment variable that holds a Parameters object as JSON, for other processes."""

aten = torch.ops.aten


@dataclass(frozen=True)
class Parameters:
    """What the simulated machine takes for what. The last group counts with a virtual clock only."""

    fixed_s: float = 4e-6
    flops_per_s: float = 2e12
    bytes_per_s: float = 200e9
    copy_latency_s: float = 20e-6
    copy_bytes_per_s: float = 1e9
    first_use_s: float = 0.05
    cycles_per_s: float = 1e9
    queue_length: int = 1000
    memory_bytes: int = 16 * 2**30

    virtual: bool = False
    launch_s: float = 10e-6
    synchronize_s: float = 5e-6
    event_s: float = 1e-6


class Timeline:
    """When the host is, and until when the device is busy. All times are seconds of `clock`."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.free_s = 0.0
        self.initialized = False
        self._host_s = 0.0
        self._ends: deque[float] = deque()

    def clock(self) -> float:
        return self._host_s if self.parameters.virtual else time.perf_counter()

    def charge(self, seconds: float) -> None:
        """The host works for so long; only virtual time needs to be told."""
        self._host_s += seconds

    def wait_until(self, moment_s: float) -> None:
        if self.parameters.virtual:
            self._host_s = max(self._host_s, moment_s)
            return
        while (left_s := moment_s - time.perf_counter()) > 0:
            if left_s > 1e-3:
                time.sleep(left_s - 1e-3)  # a sleep may come back late; the last millisecond is spun away

    def first_use(self) -> None:
        if not self.initialized:
            self.initialized = True
            self.wait_until(self.clock() + self.parameters.first_use_s)

    def queue(self, seconds: float) -> float:
        """Puts work behind what is queued, waiting for room; returns when it will be done."""
        self.first_use()
        self.charge(self.parameters.launch_s)
        if len(self._ends) >= self.parameters.queue_length:
            self.wait_until(self._ends[0])
        now_s = self.clock()
        while self._ends and self._ends[0] <= now_s:
            self._ends.popleft()
        self.free_s = max(self.free_s, now_s) + seconds
        self._ends.append(self.free_s)
        return self.free_s

    def synchronize(self) -> None:
        self.charge(self.parameters.synchronize_s)
        self.wait_until(self.free_s)


timeline = Timeline(Parameters())


class Allocator:
    """Memory counters like CUDA's: freed memory is kept, and only growth goes to the device."""

    def __init__(self) -> None:
        self.allocated = self.peak = self.reserved = self.device_allocations = 0

    def take(self, size: int) -> None:
        self.allocated += size
        self.peak = max(self.peak, self.allocated)
        if self.allocated > timeline.parameters.memory_bytes:
            self.allocated -= size
            raise torch.OutOfMemoryError(f"{NAME} out of memory: tried to allocate {size} bytes")
        if self.allocated > self.reserved:
            self.reserved = self.allocated
            self.device_allocations += 1

    def give(self, size: int) -> None:
        self.allocated -= size


allocator = Allocator()


class Event:
    """A mark in the queue; it raises where a CUDA event does."""

    def __init__(self, device: object = None, *, enable_timing: bool = False, **_options: object) -> None:
        del device
        self._timing = enable_timing
        self._moment_s: float | None = None

    def record(self, stream: object = None) -> None:
        del stream
        timeline.first_use()
        timeline.charge(timeline.parameters.event_s)
        self._moment_s = max(timeline.free_s, timeline.clock())

    def query(self) -> bool:
        return self._moment_s is None or self._moment_s <= timeline.clock()

    def synchronize(self) -> None:
        if self._moment_s is not None:
            timeline.wait_until(self._moment_s)

    def elapsed_time(self, end_event: "Event") -> float:
        if not (self._timing and end_event._timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._moment_s is None or end_event._moment_s is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if not (self.query() and end_event.query()):
            raise RuntimeError("device not ready")
        return (end_event._moment_s - self._moment_s) * 1e3


# Values: a device memory has a version for each write; a version is computed when it is read.


class Version:
    """What a memory holds between two writes: bytes, or the operation that will make them."""

    __slots__ = ("__weakref__", "operation", "storage")

    def __init__(self, operation: "Operation | None", storage: torch.UntypedStorage | None = None) -> None:
        self.operation = operation
        self.storage = storage


class Memory:
    """One allocation on the device. `meta` is its stand-in for whatever shares it."""

    __slots__ = ("__weakref__", "size", "version")

    def __init__(self, size: int, version: Version) -> None:
        timeline.first_use()
        allocator.take(size)
        self.size = size
        self.version = version

    def __del__(self) -> None:
        allocator.give(getattr(self, "size", 0))


class Operand:
    """A tensor as an operation found it: a version and the geometry on it; written ones become another."""

    __slots__ = ("meta", "result", "size", "version")

    def __init__(self, tensor: "SimulatedTensor", result: Version | None, overwritten: bool) -> None:
        self.meta = tensor.meta
        self.size = tensor.memory.size
        self.version = None if overwritten else tensor.memory.version
        self.result = None if result is None else weakref.ref(result)

    def tensor(self) -> torch.Tensor:
        """The operand on the processor; a written one on a copy, which is the new version."""
        old = None if self.version is None else self.version.storage
        if old is None:
            storage = torch.UntypedStorage(self.size)
        else:
            storage = old if self.result is None else old.clone()
        if self.result is not None and (result := self.result()) is not None:
            result.storage, result.operation = storage, None
        return _on_storage(storage, self.meta)


class Operation:
    """A call to be made on the processor when one of its results is read."""

    def __init__(self, function: Any, args: Any, kwargs: Any, seed: int | None) -> None:
        self.function, self.args, self.kwargs, self.seed = function, args, kwargs, seed
        self.fresh: list[tuple[weakref.ref[Version], torch.Tensor] | None] = []

    def inputs(self) -> Iterator[Version]:
        for operand in _leaves((self.args, list(self.kwargs.values())), Operand):
            if operand.version is not None:
                yield operand.version

    def compute(self) -> None:
        made: dict[int, torch.Tensor] = {}

        def on_host(leaf: Any) -> Any:
            if isinstance(leaf, Operand):
                return made[id(leaf)] if id(leaf) in made else made.setdefault(id(leaf), leaf.tensor())
            return _device_replaced(leaf, "cpu")

        args = _mapped(self.args, on_host)
        kwargs = {name: _mapped(value, on_host) for name, value in self.kwargs.items()}
        results = _with_seed(self.seed, lambda: self.function(*args, **kwargs))
        for target, result in zip(self.fresh, _tensors(results), strict=True):
            version = target[0]() if target is not None else None
            if version is not None:
                version.storage, version.operation = _storage_like(result, target[1]), None


def compute(version: Version) -> torch.UntypedStorage | None:
    """The bytes of a version; computes all that it rests on, without recursion."""
    waiting = [version]
    with torch.inference_mode(False), torch.no_grad():
        while waiting:
            operation = waiting[-1].operation
            if operation is None:
                waiting.pop()
                continue
            missing = [source for source in operation.inputs() if source.operation is not None]
            if missing:
                waiting.extend(missing)
            else:
                operation.compute()
    return version.storage


def _on_storage(storage: torch.UntypedStorage, meta: torch.Tensor) -> torch.Tensor:
    empty = torch.empty(0, dtype=meta.dtype)
    return empty.set_(storage, meta.storage_offset(), meta.size(), meta.stride())


def _storage_like(result: torch.Tensor, meta: torch.Tensor) -> torch.UntypedStorage:
    """The result's bytes, laid out as the meta tensor says."""
    size = meta.untyped_storage().nbytes()
    if result.stride() == meta.stride() and result.untyped_storage().nbytes() == size:
        return result.untyped_storage()
    storage = torch.UntypedStorage(size)
    _on_storage(storage, meta).copy_(result)
    return storage


def _with_seed(seed: int | None, call: Callable[[], Any]) -> Any:
    if seed is None:
        return call()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return call()


# Dispatch: shapes from the meta kernel, time into the queue, values for later.


class SimulatedTensor(torch.Tensor):
    """A tensor on the simulated device: a memory, and a meta tensor for its geometry."""

    memory: Memory
    meta: torch.Tensor

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, memory: Memory, meta: torch.Tensor) -> "SimulatedTensor":
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            meta.size(),
            strides=meta.stride(),
            storage_offset=meta.storage_offset(),
            dtype=meta.dtype,
            device=NAME,
        )
        tensor.memory, tensor.meta = memory, meta
        return tensor

    def __repr__(self, *, tensor_contents: object = None) -> str:
        del tensor_contents
        return f"{self.cpu()!r} on {NAME}"

    def __format__(self, specification: str) -> str:
        return format(self.item() if self.dim() == 0 else repr(self), specification)

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = kwargs or {}
        if function is aten.copy_.default and not (
            isinstance(args[0], cls) and isinstance(args[1], cls)
        ):
            return _copy_between(*args, **kwargs)
        if function is aten._to_copy.default and torch.device(kwargs.get("device") or NAME).type == "cpu":
            return _copy_to_host(args[0], **kwargs)
        if function in READS:
            return _read(function, args, kwargs)
        return _queue(function, args, kwargs)


READS = {
    aten._local_scalar_dense.default,
    aten.equal.default,
    aten.is_nonzero.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten._unique2.default,
}
"""Operations whose result the host must know: it waits for the queue, as with CUDA."""

QUEUES_NOTHING = {"empty_like", "new_empty", "new_empty_strided"}

OVERWRITES = {"copy_", "fill_", "zero_", "normal_", "uniform_", "random_", "bernoulli_", "exponential_"}
"""In-place operations that do not read what they write to; `out=` overloads are the others."""

MIXES_DEVICES = {"index", "index_put_", "_index_put_impl_", "_unsafe_index", "copy_"}
"""Operations that take tensors of the processor beside the device's."""

HIDDEN_WRITES = {"native_batch_norm": (3, 4)}
"""Arguments that are written to although the schema does not say so: the running statistics."""


def _queue(function: Any, args: Any, kwargs: Any) -> Any:
    """Queues an operation; returns tensors whose values are yet to come."""
    memories: dict[int, Memory] = {}
    wrappers: dict[int, SimulatedTensor] = {}
    name = function._schema.name.removeprefix("aten::")

    def as_meta(leaf: Any) -> Any:
        if isinstance(leaf, SimulatedTensor):
            memories[leaf.meta.untyped_storage()._cdata] = leaf.memory
            wrappers[id(leaf.meta)] = leaf
            return leaf.meta
        if isinstance(leaf, torch.Tensor):
            if leaf.dim() > 0 and name not in MIXES_DEVICES:
                raise RuntimeError(f"Expected all tensors to be on the same device: {name} got cpu and {NAME}")
            return leaf.to("meta")
        return None if isinstance(leaf, torch.Generator) else _device_replaced(leaf, "meta")

    meta_args = _mapped(args, as_meta)
    meta_kwargs = {key: _mapped(value, as_meta) for key, value in kwargs.items()}
    results = function(*meta_args, **meta_kwargs)
    written = _written(function, name, args, kwargs)
    fresh: list[tuple[SimulatedTensor, Version] | None] = []

    def wrap(meta: torch.Tensor) -> torch.Tensor:
        if id(meta) in wrappers:
            fresh.append(None)
            return wrappers[id(meta)]
        memory = memories.get(meta.untyped_storage()._cdata)
        if memory is not None:
            fresh.append(None)
            return SimulatedTensor(memory, meta)
        version = Version(None)
        tensor = SimulatedTensor(Memory(meta.untyped_storage().nbytes(), version), meta)
        fresh.append((tensor, version))
        return tensor

    wrapped = _mapped(results, lambda leaf: wrap(leaf) if isinstance(leaf, torch.Tensor) else leaf)
    if not (written or any(fresh)) or name in QUEUES_NOTHING:
        return wrapped
    timeline.queue(_device_s(function, meta_args, meta_kwargs, results))
    _remember(function, args, kwargs, written, name in OVERWRITES or "out" in kwargs, fresh)
    return wrapped


def _remember(
    function: Any,
    args: Any,
    kwargs: Any,
    written: list["SimulatedTensor"],
    overwrites: bool,
    fresh: list[tuple[SimulatedTensor, Version] | None],
) -> None:
    """Makes the operation the origin of what it wrote and returned."""
    versions = {id(tensor.memory): Version(None) for tensor in written}
    operands: dict[int, Operand] = {}

    def as_operand(leaf: Any) -> Any:
        if isinstance(leaf, SimulatedTensor):
            if id(leaf) not in operands:
                result = versions.get(id(leaf.memory)) if any(leaf is one for one in written) else None
                whole = leaf.numel() * leaf.itemsize == leaf.memory.size
                operands[id(leaf)] = Operand(leaf, result, overwrites and whole and result is not None)
            return operands[id(leaf)]
        return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf

    seed = next_seed() if torch.Tag.nondeterministic_seeded in function.tags else None
    operation = Operation(
        function,
        _mapped(args, as_operand),
        {key: _mapped(value, as_operand) for key, value in kwargs.items() if key != "generator"},
        seed,
    )
    for tensor in written:
        version = versions[id(tensor.memory)]
        version.operation = operation
        tensor.memory.version = version
    for one in fresh:
        if one is not None:
            one[1].operation = operation
        operation.fresh.append(None if one is None else (weakref.ref(one[1]), one[0].meta))


def _written(function: Any, name: str, args: Any, kwargs: Any) -> list["SimulatedTensor"]:
    """The tensors that an operation writes to."""
    if name in HIDDEN_WRITES:
        return [args[i] for i in HIDDEN_WRITES[name] if args[5] and isinstance(args[i], SimulatedTensor)]
    positions, names = _writes(function)
    values = [args[i] for i in positions if i < len(args)] + [kwargs[key] for key in names if key in kwargs]
    return list(_leaves(values, SimulatedTensor))


_writes_of: dict[Any, tuple[list[int], list[str]]] = {}


def _writes(function: Any) -> tuple[list[int], list[str]]:
    if function not in _writes_of:
        written = [
            (i, argument.name)
            for i, argument in enumerate(function._schema.arguments)
            if argument.alias_info is not None and argument.alias_info.is_write
        ]
        _writes_of[function] = ([i for i, _ in written], [name for _, name in written])
    return _writes_of[function]


def _device_s(function: Any, args: Any, kwargs: Any, results: Any) -> float:
    """What the operation takes on the device."""
    from torch.utils.flop_counter import flop_registry

    count = flop_registry.get(function._overloadpacket)
    if count is not None:
        return compute_s(count(*args, **kwargs, out_val=results))
    touched = {id(tensor): tensor for tensor in _leaves((args, list(kwargs.values()), results), torch.Tensor)}
    return memory_s(sum(tensor.numel() * tensor.itemsize for tensor in touched.values()))


def compute_s(flops: float) -> float:
    """The device time of a product or convolution."""
    return timeline.parameters.fixed_s + flops / timeline.parameters.flops_per_s


def memory_s(size: float) -> float:
    """The device time of an operation that reads and writes `size` bytes in all."""
    return timeline.parameters.fixed_s + size / timeline.parameters.bytes_per_s


def copy_s(size: float) -> float:
    """The time of a copy of `size` bytes between host and device."""
    return timeline.parameters.copy_latency_s + size / timeline.parameters.copy_bytes_per_s


def _copy_between(target: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    """Copies between host and device; only towards the device may the host go on before it is done."""
    done_s = timeline.queue(copy_s(source.numel() * source.itemsize))
    if isinstance(source, SimulatedTensor):
        target.copy_(host_value(source))
        timeline.wait_until(done_s)
        return target
    assert isinstance(target, SimulatedTensor)
    _remember(aten.copy_.default, (target, source), {}, [target], True, [None])
    if not non_blocking:
        timeline.wait_until(done_s)
    return target


def _copy_to_host(source: SimulatedTensor, **kwargs: Any) -> torch.Tensor:
    done_s = timeline.queue(copy_s(source.numel() * source.itemsize))
    kwargs |= {"device": "cpu", "non_blocking": False, "pin_memory": False}
    value: torch.Tensor = aten._to_copy.default(host_value(source), **kwargs)
    timeline.wait_until(done_s)
    return value


def host_value(tensor: SimulatedTensor) -> torch.Tensor:
    """The tensor's value on the processor, on the very memory that it was computed in."""
    storage = compute(tensor.memory.version)
    if storage is None:
        storage = tensor.memory.version.storage = torch.UntypedStorage(tensor.memory.size)
    return _on_storage(storage, tensor.meta)


def _read(function: Any, args: Any, kwargs: Any) -> Any:
    """Runs an operation at once, and waits for it and for all that is queued."""
    done_s = timeline.queue(copy_s(8))
    host = _mapped(args, lambda leaf: host_value(leaf) if isinstance(leaf, SimulatedTensor) else leaf)
    results = function(*host, **kwargs)
    timeline.wait_until(done_s)
    return _mapped(results, lambda leaf: _to_device(leaf) if isinstance(leaf, torch.Tensor) else leaf)


def _to_device(value: torch.Tensor) -> SimulatedTensor:
    memory = Memory(value.untyped_storage().nbytes(), Version(None, value.untyped_storage()))
    return SimulatedTensor(memory, value.to("meta"))


def _mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, list | tuple) and not isinstance(tree, torch.Size):
        return type(tree)([_mapped(branch, change) for branch in tree])
    return change(tree)


def _leaves(tree: Any, kind: type) -> Iterator[Any]:
    if isinstance(tree, list | tuple):
        for branch in tree:
            yield from _leaves(branch, kind)
    elif isinstance(tree, kind):
        yield tree


def _tensors(results: Any) -> list[torch.Tensor]:
    return list(_leaves([results], torch.Tensor))


def _device_replaced(leaf: Any, device: str) -> Any:
    return torch.device(device) if isinstance(leaf, torch.device) and leaf.type == NAME else leaf


_seeds: dict[str, int] = {"seed": 0, "drawn": 0}


def next_seed() -> int:
    """A seed for each random operation, so that values do not depend on when they are read."""
    _seeds["drawn"] += 1
    return (_seeds["seed"] * 1_000_003 + _seeds["drawn"]) % 2**63


class BackendModule:
    """What `torch.get_device_module("sim")` hands out."""

    simulated = True
    available = True
    Event: ClassVar[type[Event]] = Event

    @staticmethod
    def is_available() -> bool:
        return BackendModule.available

    @staticmethod
    def is_initialized() -> bool:
        return timeline.initialized

    @staticmethod
    def device_count() -> int:
        return 1

    @staticmethod
    def current_device() -> int:
        return 0

    @staticmethod
    def set_device(_device: object) -> None:
        return None

    @staticmethod
    def get_device_name(_device: object = None) -> str:
        return "Simulated accelerator"

    @staticmethod
    def get_amp_supported_dtype() -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    @staticmethod
    def _is_in_bad_fork() -> bool:
        return False

    @staticmethod
    def manual_seed_all(seed: int) -> None:
        _seeds.update(seed=seed, drawn=0)

    manual_seed = manual_seed_all

    @staticmethod
    def get_rng_state(_device: object = None) -> torch.Tensor:
        return torch.tensor([_seeds["seed"], _seeds["drawn"]])

    @staticmethod
    def set_rng_state(state: torch.Tensor, _device: object = None) -> None:
        _seeds.update(seed=int(state[0]), drawn=int(state[1]))

    @staticmethod
    def synchronize(_device: object = None) -> None:
        timeline.synchronize()

    @staticmethod
    def _sleep(cycles: int) -> None:
        timeline.queue(cycles / timeline.parameters.cycles_per_s)

    @staticmethod
    def memory_allocated(_device: object = None) -> int:
        return allocator.allocated

    @staticmethod
    def max_memory_allocated(_device: object = None) -> int:
        return allocator.peak

    @staticmethod
    def reset_peak_memory_stats(_device: object = None) -> None:
        allocator.peak = allocator.allocated

    @staticmethod
    def memory_stats(_device: object = None) -> dict[str, int]:
        return {"num_device_alloc": allocator.device_allocations, "num_alloc_retries": 0}

    @staticmethod
    def empty_cache() -> None:
        allocator.reserved = allocator.allocated


def _empty(size: Any, dtype: Any = None, memory_format: Any = None, **_options: Any) -> SimulatedTensor:
    dtype = dtype or torch.get_default_dtype()
    options = {} if memory_format is None else {"memory_format": memory_format}
    meta = torch.empty(size, dtype=dtype, device="meta", **options)
    return SimulatedTensor(Memory(meta.untyped_storage().nbytes(), Version(None)), meta)


def _empty_strided(size: Any, stride: Any, dtype: Any = None, **_options: Any) -> SimulatedTensor:
    meta = torch.empty_strided(size, stride, dtype=dtype or torch.get_default_dtype(), device="meta")
    return SimulatedTensor(Memory(meta.untyped_storage().nbytes(), Version(None)), meta)


_registered: list[torch.library.Library] = []


def autoload() -> None:
    """Registers the device, once a process; torch calls it through the `torch.backends` entry point."""
    if _registered:
        return
    backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=BackendModule)
    library = torch.library.Library("aten", "IMPL", "PrivateUse1")
    library.impl("empty.memory_format", _empty)
    library.impl("empty_strided", _empty_strided)
    _registered.append(library)
    if PARAMETERS in os.environ:
        reset(Parameters(**json.loads(os.environ[PARAMETERS])))


def reset(parameters: Parameters) -> None:
    """A fresh machine: empty queue, nothing used yet, its clock at zero if it is a virtual one."""
    timeline.__init__(parameters)  # type: ignore[misc]  # everyone holds the one timeline there is


def install(folder: Path, parameters: Parameters | None = None) -> dict[str, str]:
    """Makes `folder` announce the device to torch; returns the environment for processes that shall see it."""
    info = folder / "simulated_accelerator-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: simulated-accelerator\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[torch.backends]\n{NAME} = {__name__}:autoload\n")
    here, inherited = str(Path(__file__).parent), os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, (str(folder), here, inherited)))
    return {"PYTHONPATH": path, PARAMETERS: json.dumps(asdict(parameters or Parameters()))}
