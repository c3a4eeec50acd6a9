"""The tensors of the simulated accelerator: queued at once, computed on the processor when they are read."""

import ctypes
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from simulated_timeline import compute_s, copy_s, memory_s, timeline
from simulated_values import (
    NAME,
    Geometry,
    Memory,
    Operand,
    Operation,
    Version,
    bytes_of,
    compute,
    device_replaced,
    geometry_of,
    leaves,
    mapped,
    on_storage,
)

HOST = torch.device("cpu")

aten = torch.ops.aten


class SimulatedTensor(torch.Tensor):
    """A tensor on the simulated device: a memory and the geometry on it."""

    memory: Memory
    geometry: Geometry

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, memory: Memory, geometry: Geometry) -> "SimulatedTensor":
        size, stride, offset, dtype = geometry
        tensor = torch.Tensor._make_wrapper_subclass(
            cls, size, strides=stride, storage_offset=offset, dtype=dtype, device=f"{NAME}:0"
        )
        tensor.memory, tensor.geometry = memory, geometry
        return tensor

    @property  # type: ignore[override]  # a Python property stands for one that is written in C
    def data(self) -> torch.Tensor:
        return torch.Tensor.data.__get__(self)

    @data.setter
    def data(self, other: "SimulatedTensor") -> None:
        torch.Tensor.data.__set__(self, other)
        self.memory, self.geometry = other.memory, other.geometry

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
        if function is aten.copy_.default and not all(isinstance(tensor, cls) for tensor in args[:2]):
            return _copy_between(*args, **kwargs)
        if function is aten._to_copy.default and kwargs.get("device") == HOST:
            return _copy_to_host(args[0], **kwargs)
        if not READS.isdisjoint(function.tags):
            return _read(function, args, kwargs)
        return _queue(function, args, kwargs)


READS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
"""What torch says of operations whose result the host must know: it waits for the queue, as with CUDA."""

QUEUES_NOTHING = {"empty_like", "new_empty", "new_empty_strided"}

OVERWRITES = {"copy_", "fill_", "zero_", "normal_", "uniform_", "random_", "bernoulli_", "exponential_"}
"""In-place operations that do not read what they write to; `out=` overloads are the others."""

MIXES_DEVICES = {"index", "index_put_", "_index_put_impl_", "_unsafe_index", "copy_"}
"""Operations that take tensors of the processor beside the device's."""

HIDDEN_WRITES = {"native_batch_norm": (3, 4)}
"""Arguments that are written to although the schema does not say so: the running statistics."""


@dataclass(frozen=True)
class Output:
    """One result of an operation: operand `source` itself or a view of it, or else fresh memory."""

    source: int | None
    geometry: Geometry | None


@dataclass(frozen=True)
class Plan:
    """What an operation on operands of given geometries returns, resizes and writes, and takes."""

    outputs: Any
    resized: tuple[tuple[int, Geometry], ...]
    written: tuple[int, ...]
    overwrites: bool
    device_s: float | None


_plans: dict[Any, Plan] = {}


def _queue(function: Any, args: Any, kwargs: Any) -> Any:
    """Queues an operation; returns tensors whose values are yet to come."""
    operands = list(leaves((args, kwargs), SimulatedTensor))
    key = (function, _signature(args), _signature(kwargs), timeline.parameters)
    plan = _plans.get(key)
    if plan is None:
        plan = _plans[key] = _plan(function, args, kwargs, operands)
    for i, geometry in plan.resized:
        operands[i].data = _allocate(geometry)
    if plan.device_s is not None:
        timeline.queue(plan.device_s, function._schema.name)
    fresh: list[SimulatedTensor | None] = []

    def make(output: Any) -> Any:
        if not isinstance(output, Output):
            return output
        if output.source is None:
            tensor = _allocate(output.geometry)
            fresh.append(tensor)
            return tensor
        fresh.append(None)
        source = operands[output.source]
        return source if output.geometry is None else SimulatedTensor(source.memory, output.geometry)

    results = mapped(plan.outputs, make)
    if plan.device_s is not None:
        _remember(function, args, kwargs, [operands[i] for i in plan.written], plan.overwrites, fresh)
    return results


def _signature(tree: Any) -> Any:
    """All that a plan depends on in the arguments, to be looked up by."""
    if isinstance(tree, SimulatedTensor):
        return tree.geometry
    if isinstance(tree, list | tuple):
        return tuple([_signature(branch) for branch in tree])
    if isinstance(tree, dict):
        return tuple([(name, _signature(branch)) for name, branch in tree.items()])
    if isinstance(tree, torch.Tensor):
        return tree.shape, tree.dtype
    return None if isinstance(tree, torch.Generator) else (type(tree), tree)


def _plan(function: Any, args: Any, kwargs: Any, operands: list[SimulatedTensor]) -> Plan:
    """Asks the kernel for torch's device `meta`, which knows shapes and aliases but no values."""
    name = function._schema.name.removeprefix("aten::")
    storages: dict[int, torch.UntypedStorage] = {}
    metas: list[torch.Tensor] = []

    def as_meta(leaf: Any) -> Any:
        if isinstance(leaf, SimulatedTensor):
            storage = storages.setdefault(
                id(leaf.memory), torch.UntypedStorage(leaf.memory.size, device="meta")
            )
            metas.append(on_storage(storage, leaf.geometry))
            return metas[-1]
        if isinstance(leaf, torch.Tensor):
            if leaf.dim() > 0 and name not in MIXES_DEVICES:
                raise RuntimeError(
                    f"Expected all tensors to be on the same device: {name} got cpu and {NAME}"
                )
            return leaf.to("meta")
        return None if isinstance(leaf, torch.Generator) else device_replaced(leaf, "meta")

    meta_args, meta_kwargs = mapped((args, kwargs), as_meta)
    results = function(*meta_args, **meta_kwargs)
    asked = [operand.geometry for operand in operands]
    resized = tuple((i, geometry_of(meta)) for i, meta in enumerate(metas) if geometry_of(meta) != asked[i])

    def output(meta: Any) -> Any:
        if not isinstance(meta, torch.Tensor):
            return meta
        for i, operand in enumerate(metas):
            if operand is meta:
                return Output(i, None)
            if operand.untyped_storage()._cdata == meta.untyped_storage()._cdata:
                return Output(i, geometry_of(meta))
        return Output(None, geometry_of(meta))

    outputs = mapped(results, output)
    targets = {id(tensor) for tensor in _written(function, name, args, kwargs)}
    written = tuple(i for i, operand in enumerate(operands) if id(operand) in targets)
    fresh = [one.geometry for one in leaves([outputs], Output) if one.source is None]
    overwrites = name in OVERWRITES or "out" in kwargs
    if name in QUEUES_NOTHING or not (written or fresh):
        return Plan(outputs, resized, (), False, None)
    flops = _flops(function, meta_args, meta_kwargs, results)
    if flops is not None:
        return Plan(outputs, resized, written, overwrites, compute_s(flops))
    read = [tensor.geometry for i, tensor in enumerate(operands) if not (overwrites and i in written)]
    touched = [*read, *(geometry_of(metas[i]) for i in written), *fresh]
    return Plan(outputs, resized, written, overwrites, memory_s(sum(map(bytes_of, touched))))


def _written(function: Any, name: str, args: Any, kwargs: Any) -> list[SimulatedTensor]:
    """The tensors that an operation writes to."""
    if name in HIDDEN_WRITES:
        return [args[i] for i in HIDDEN_WRITES[name] if args[5] and isinstance(args[i], SimulatedTensor)]
    values = [
        args[i] if i < len(args) else kwargs.get(argument.name)
        for i, argument in enumerate(function._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    return list(leaves(values, SimulatedTensor))


def _flops(function: Any, args: Any, kwargs: Any, results: Any) -> int | None:
    """The floating-point operations of a product or convolution, as torch counts them; None of others."""
    from torch.utils.flop_counter import flop_registry  # not while torch is still being imported

    count = flop_registry.get(function._overloadpacket)
    return None if count is None else int(count(*args, **kwargs, out_val=results))


def _remember(
    function: Any,
    args: Any,
    kwargs: Any,
    written: list[SimulatedTensor],
    overwrites: bool,
    fresh: list[SimulatedTensor | None],
) -> None:
    """Makes the operation the origin of what it wrote and returned."""
    versions = {id(tensor): Version() for tensor in written}
    operands: dict[int, Operand] = {}

    def as_operand(leaf: Any) -> Any:
        if isinstance(leaf, SimulatedTensor):
            if id(leaf) not in operands:
                overwritten = overwrites and id(leaf) in versions
                operands[id(leaf)] = Operand(leaf.memory, leaf.geometry, versions.get(id(leaf)), overwritten)
            return operands[id(leaf)]
        if isinstance(leaf, torch.Tensor):
            return _copied(torch.empty_like(leaf), leaf)  # the host may go on to change it
        return None if isinstance(leaf, torch.Generator) else leaf

    operation = Operation(function, *mapped((args, kwargs), as_operand))
    for tensor in written:
        tensor.memory.version = versions[id(tensor)]
        tensor.memory.version.operation = operation
    for one in fresh:
        if one is None:
            operation.fresh.append(None)
        else:
            one.memory.version.operation = operation
            operation.fresh.append((weakref.ref(one.memory.version), one.geometry))


def _copy_between(target: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    """Copies between host and device; only towards the device may the host go on before it is done."""
    done_s = timeline.queue(copy_s(source.numel() * source.itemsize), "copy")
    if isinstance(target, SimulatedTensor):
        _remember(aten.copy_.default, (target, source), {}, [target], True, [None])
    else:
        _copied(target, host_value(source))
    if not (non_blocking and isinstance(target, SimulatedTensor)):
        timeline.wait_until(done_s)
    return target


def _copied(target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Copies on the host; where it can by one thread, which does not wait for others on a busy machine."""
    if target.dtype == source.dtype and target.is_contiguous() and source.is_contiguous():
        ctypes.memmove(target.data_ptr(), source.data_ptr(), source.nbytes)
        return target
    return target.copy_(source)


def _copy_to_host(source: SimulatedTensor, **kwargs: Any) -> torch.Tensor:
    done_s = timeline.queue(copy_s(source.numel() * source.itemsize), "copy")
    kwargs |= {"device": HOST, "non_blocking": False, "pin_memory": False}
    there = host_value(source)
    if there.is_contiguous() and kwargs.get("dtype") in (None, there.dtype):
        value = _copied(torch.empty_like(there), there)
    else:
        value = aten._to_copy.default(there, **kwargs)
    timeline.wait_until(done_s)
    return value


def host_value(tensor: Any) -> torch.Tensor:
    """The value of a simulated tensor on the processor, on the very memory that it was computed in."""
    storage = compute(tensor.memory.version)
    if storage is None:
        storage = tensor.memory.version.storage = torch.UntypedStorage(tensor.memory.size)
    return on_storage(storage, tensor.geometry)


def _read(function: Any, args: Any, kwargs: Any) -> Any:
    """Runs an operation at once, and waits for it and for all that is queued."""
    done_s = timeline.queue(copy_s(8), function._schema.name)
    host = mapped(args, lambda leaf: host_value(leaf) if isinstance(leaf, SimulatedTensor) else leaf)
    results = function(*host, **kwargs)
    timeline.wait_until(done_s)
    return mapped(results, lambda leaf: _to_device(leaf) if isinstance(leaf, torch.Tensor) else leaf)


def _to_device(value: torch.Tensor) -> SimulatedTensor:
    value = value.contiguous()
    storage = value.untyped_storage()
    return SimulatedTensor(Memory(storage.nbytes(), Version(storage)), geometry_of(value))


def _allocate(geometry: Any) -> SimulatedTensor:
    return SimulatedTensor(Memory(bytes_of(geometry), Version()), geometry)


def empty(size: Any, dtype: Any = None, memory_format: Any = None, **_options: Any) -> SimulatedTensor:
    options = {} if memory_format is None else {"memory_format": memory_format}
    meta = torch.empty(size, dtype=dtype, device="meta", **options)
    return _allocate((tuple(size), meta.stride(), 0, meta.dtype))


def empty_strided(size: Any, stride: Any, dtype: Any = None, **_options: Any) -> SimulatedTensor:
    return _allocate((tuple(size), tuple(stride), 0, dtype or torch.get_default_dtype()))


def copy_from(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    """`target.copy_(source)` from inside `torch.tensor`, where dispatch to Python is off."""
    return _copy_between(target, source, non_blocking)
