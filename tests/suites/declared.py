"""A pytest plugin: a benchmark's call does the work that it declares, floating-point operations and bytes,
and makes no layer that could have been made before: to make one takes longer than a small layer's answer.

Operations are counted by torch. Bytes are those of the tensors that the call finds and reads, and of those
that it leaves behind or writes to: what has to move at least, however many steps it takes. What torch does
not see, such as work of numpy, is not held against anything.
"""

import contextlib
import re
from collections.abc import Generator
from typing import Any
from unittest import mock

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

COUNTS = pytest.StashKey[dict[str, int]]()

TOLERANCE = 0.01
"""Of bytes: an optimizer's step counter and the like are not worth declaring."""

COMPILED = "compile"
"""In the name of a benchmark whose call torch compiles: it would be compiled anew for being counted."""

MAKES_LAYERS = re.compile("build|model_from_file|accuracy|export|compile|session").search
"""In the names of benchmarks whose calls make layers on purpose."""

OVERWRITES = {"copy_", "fill_", "zero_", "normal_", "uniform_", "random_", "bernoulli_", "exponential_"}
"""In-place operations that do not read what they write to; `out=` overloads are the others."""

LOOKS_ONLY = re.compile(r"new_|.*_like$").match
"""Names of operations that look at a tensor's shape, not at its numbers."""


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]  # parts of torch have no types
    """Counts the bytes that operations have to read and write."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made: dict[int, Any] = {}  # storages, kept alive so that no address comes twice
        self.moved: dict[Any, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        returns = [each.alias_info for each in func._schema.returns]
        if any(alias is not None and not alias.is_write for alias in returns):
            return result  # a view
        name = func._schema.name.removeprefix("aten::")
        overwrites = name in OVERWRITES or func._schema.overload_name.endswith("out")
        for position, argument in enumerate(func._schema.arguments):
            value = args[position] if position < len(args) else kwargs.get(argument.name)
            is_written = argument.alias_info is not None and argument.alias_info.is_write
            is_written &= not (
                name.startswith("_fused_") and argument.name == "grads"
            )  # only with a grad_scale
            ways = [*(["read"] * (not (is_written and overwrites))), *(["written"] * is_written)]
            for tensor in _tensors(value):
                if tensor.untyped_storage()._cdata not in self.made and not LOOKS_ONLY(name):
                    self.moved |= {(way, _place(tensor)): _bytes(tensor) for way in ways}
        found = {each.untyped_storage()._cdata for each in _tensors((args, kwargs))}
        for tensor in _tensors(result):
            storage = tensor.untyped_storage()
            if storage._cdata not in found:
                self.made[storage._cdata] = storage
        return result

    def total(self, result: Any) -> int:
        """All that was moved, the call's result included."""
        left = {_place(each): _bytes(each) for each in _tensors(result) if _place(each)[0] in self.made}
        return sum(self.moved.values()) + sum(left.values())


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _place(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.untyped_storage()._cdata, tensor.storage_offset(), tensor.shape, tensor.stride()


def _bytes(tensor: torch.Tensor) -> int:
    """Of the numbers that there are: a dimension along which one is repeated has a stride of 0."""
    lengths = [
        length for length, step in zip(tensor.shape, tensor.stride(), strict=True) if step or length == 0
    ]
    return torch.Size(lengths).numel() * tensor.itemsize


@contextlib.contextmanager
def layers_counted(counts: dict[str, int]) -> Generator[None]:
    """Counts the layers that are made."""
    make = torch.nn.Module.__init__

    def counting(layer: torch.nn.Module, *args: Any, **kwargs: Any) -> None:
        counts["layers"] = counts.get("layers", 0) + 1
        make(layer, *args, **kwargs)

    with mock.patch.object(torch.nn.Module, "__init__", counting):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
    """Has the call of `benchmark` counted."""
    fixture = yield
    if fixturedef.argname == "benchmark":
        counts: dict[str, int] = request.node.stash.setdefault(COUNTS, {})

        class Counting(type(fixture)):  # type: ignore[misc]  # whatever class pytest-benchmark has
            def __call__(self, function: Any, *args: Any, **kwargs: Any) -> Any:
                flops, traffic = FlopCounterMode(display=False), Traffic()
                declared = set(self.extra_info) if COMPILED not in request.node.name else set()
                with contextlib.ExitStack() as counted:
                    counted.enter_context(layers_counted(counts))
                    for name, mode in (("flops", flops), ("bytes", traffic)):
                        if name in declared:
                            counted.enter_context(mode)
                    result = super().__call__(function, *args, **kwargs)
                counts.update(flops=flops.get_total_flops(), bytes=traffic.total(result))
                return result

        fixture.__class__ = Counting
    return fixture


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fails a benchmark that declares other work than its call did, or whose call made layers."""
    outcome = yield
    counts = pyfuncitem.stash.get(COUNTS, {})
    benchmark: Any = pyfuncitem.funcargs["benchmark"] if counts else None
    info = benchmark.extra_info if counts else {}
    made = counts.get("layers", 0)
    assert not made or MAKES_LAYERS(pyfuncitem.name), f"{made} layers made in the call"
    if counts.get("flops") and "flops" in info:
        assert info["flops"] == counts["flops"], f"{info['flops']} FLOPs declared, {counts['flops']} counted"
    if counts.get("bytes") and "bytes" in info and "bytes_counted" not in info:
        declared, counted = info["bytes"], counts["bytes"]
        assert abs(declared / counted - 1) <= TOLERANCE, f"{declared} bytes declared, {counted} counted"
    return outcome
