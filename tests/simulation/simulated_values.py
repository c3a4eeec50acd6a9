"""What a simulated memory holds: a version for each write, computed on the processor when it is read."""

import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from simulated_timeline import allocator, timeline

NAME = "sim"


Geometry = tuple[tuple[int, ...], tuple[int, ...], int, torch.dtype]
"""Size, stride, offset and type of a tensor on its memory."""


class Version:
    """What a memory holds between two writes: bytes, or the operation that will make them."""

    __slots__ = ("__weakref__", "operation", "storage")

    def __init__(self, storage: torch.UntypedStorage | None = None) -> None:
        self.operation: Operation | None = None
        self.storage = storage


class Memory:
    """One allocation on the device."""

    __slots__ = ("size", "version")

    def __init__(self, size: int, version: Version) -> None:
        timeline.first_use()
        self.size = 0
        allocator.take(size)
        self.size, self.version = size, version

    def __del__(self) -> None:
        allocator.give(self.size)


class Operand:
    """A tensor as an operation found it; `result` is the version that it makes by writing to it."""

    __slots__ = ("geometry", "result", "size", "version")

    def __init__(self, memory: Memory, geometry: Geometry, result: Version | None, overwritten: bool) -> None:
        self.geometry, self.size = geometry, memory.size
        whole = math.prod(geometry[0]) * geometry[3].itemsize == self.size
        self.version = None if overwritten and whole else memory.version
        self.result = None if result is None else weakref.ref(result)

    def on_host(self) -> torch.Tensor:
        """The operand on the processor; a written one on a copy, which is the new version."""
        storage = None if self.version is None else self.version.storage
        if storage is None:
            storage = torch.UntypedStorage(self.size)
        elif self.result is not None:
            storage = storage.clone()
        if self.result is not None and (result := self.result()) is not None:
            result.storage, result.operation = storage, None
        return on_storage(storage, self.geometry)


class Operation:
    """A call to be made on the processor when one of its results is read."""

    def __init__(self, function: Any, args: Any, kwargs: Any) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.seed = next_seed() if torch.Tag.nondeterministic_seeded in function.tags else None
        self.fresh: list[tuple[weakref.ref[Version], Geometry] | None] = []

    def inputs(self) -> Iterator[Version]:
        for operand in leaves((self.args, self.kwargs), Operand):
            if operand.version is not None:
                yield operand.version

    def compute(self) -> None:
        made: dict[int, torch.Tensor] = {}

        def on_host(leaf: Any) -> Any:
            if not isinstance(leaf, Operand):
                return device_replaced(leaf, "cpu")
            if id(leaf) not in made:
                made[id(leaf)] = leaf.on_host()
            return made[id(leaf)]

        args, kwargs = mapped((self.args, self.kwargs), on_host)
        results = _with_seed(self.seed, lambda: self.function(*args, **kwargs))
        for target, result in zip(self.fresh, leaves([results], torch.Tensor), strict=True):
            if target is not None and (version := target[0]()) is not None:
                version.storage, version.operation = _storage_like(result, target[1]), None


def compute(version: Version) -> torch.UntypedStorage | None:
    """The bytes of a version; computes all that it rests on, without recursion."""
    waiting = [version]
    with torch.inference_mode(False), torch.no_grad():
        while waiting:
            operation = waiting[-1].operation
            if operation is None:
                waiting.pop()
            elif missing := [source for source in operation.inputs() if source.operation is not None]:
                waiting.extend(missing)
            else:
                operation.compute()
    return version.storage


def geometry_of(tensor: torch.Tensor) -> Geometry:
    return tuple(tensor.shape), tensor.stride(), tensor.storage_offset(), tensor.dtype


def on_storage(storage: torch.UntypedStorage, geometry: Geometry) -> torch.Tensor:
    size, stride, offset, dtype = geometry
    return torch.empty(0, dtype=dtype, device=storage.device).set_(storage, offset, size, stride)


def _storage_like(result: torch.Tensor, geometry: Geometry) -> torch.UntypedStorage:
    """The result's bytes, laid out as the geometry says."""
    size, stride, _, dtype = geometry
    if result.stride() == stride and result.untyped_storage().nbytes() == bytes_of(geometry):
        return result.untyped_storage()
    laid_out = torch.empty_strided(size, stride, dtype=dtype)
    if result.shape == size:  # statistics that batch norm saves are empty when it evaluates
        laid_out.copy_(result)
    return laid_out.untyped_storage()


def _with_seed(seed: int | None, call: Callable[[], Any]) -> Any:
    if seed is None:
        return call()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return call()


def bytes_of(geometry: Any) -> int:
    """What a tensor spans on its memory."""
    size, stride, _, dtype = geometry
    if 0 in size:
        return 0
    last = sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    return int((last + 1) * dtype.itemsize)


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, list | tuple):
        return type(tree)([mapped(branch, change) for branch in tree])
    if isinstance(tree, dict):
        return {name: mapped(branch, change) for name, branch in tree.items()}
    return change(tree)


def leaves(tree: Any, kind: type) -> Iterator[Any]:
    if isinstance(tree, list | tuple):
        for branch in tree:
            yield from leaves(branch, kind)
    elif isinstance(tree, dict):
        yield from leaves(list(tree.values()), kind)
    elif isinstance(tree, kind):
        yield tree


def device_replaced(leaf: Any, device: str) -> Any:
    return torch.device(device) if isinstance(leaf, torch.device) and leaf.type == NAME else leaf


random_state: dict[str, int] = {"seed": 0, "drawn": 0}


def next_seed() -> int:
    """A seed for each random operation, so that values do not depend on when they are read."""
    random_state["drawn"] += 1
    return (random_state["seed"] * 1_000_003 + random_state["drawn"]) % 2**63
