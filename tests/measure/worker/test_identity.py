"""What a call is, in a line."""

import operator
from typing import Any

import numpy as np
import pytest

from bench.measure.worker.calls import PedanticCalls, PlainCalls
from bench.measure.worker.identity import of_call

torch = pytest.importorskip("torch")

A, B = torch.ones(3, 4), torch.ones(4, 5)
LAYER = torch.nn.Linear(4, 5)


def test_the_same_call_has_the_same_line_and_says_what_it_depends_on() -> None:
    line = of_call(torch.matmul, (A, B), {})
    assert line == of_call(torch.matmul, (A.clone(), B.clone()), {})
    for part in ("matmul", "float32[3, 4]", "float32[4, 5]", "thread", "grad"):
        assert part in line


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (operator.matmul, (A, B), {}),
        (torch.matmul, (A.double(), B.double()), {}),
        (torch.matmul, (torch.ones(4, 3).T, B), {}),
        (torch.matmul, (A.requires_grad_(False).clone().requires_grad_(), B), {}),
        (torch.matmul, (A, B), {"out": torch.ones(3, 5)}),
        (A.clone().mul_, (A,), {}),
        (LAYER, (A,), {}),
        (torch.nn.Linear(4, 5).eval(), (A,), {}),
        (torch.nn.Sequential(LAYER), (A,), {}),
        (np.matmul, (A.numpy(), B.numpy()), {}),
    ],
)
def test_another_call_has_another_line(function: Any, args: Any, kwargs: Any) -> None:
    others = [of_call(torch.matmul, (A, B), {}), of_call(torch.add, (A, A), {})]
    line = of_call(function, args, kwargs)
    assert line
    assert line not in others


def test_settings_that_a_time_depends_on_are_in_the_line() -> None:
    with torch.inference_mode():
        inference = of_call(LAYER, (A,), {})
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    more = of_call(LAYER, (A,), {})
    torch.set_num_threads(threads)
    assert len({inference, more, of_call(LAYER, (A,), {})}) == 3


@pytest.mark.parametrize(
    ("function", "args"),
    [(lambda a: a, (A,)), (torch.matmul, (A, object())), (int, ()), (sorted, ([A],)), (len, ("abc",))],
)
def test_what_cannot_be_told_has_none(function: Any, args: Any) -> None:
    assert of_call(function, args, {}) == ""


def test_calls_say_what_they_are_unless_a_set_up_makes_each_another() -> None:
    assert PlainCalls(torch.matmul, (A, B), {}).identity() == of_call(torch.matmul, (A, B), {})
    assert PedanticCalls(torch.matmul, (A, B)).identity()
    assert PedanticCalls(torch.matmul, setup=lambda: ((A, B), {})).identity() == ""


class Closed:
    def __getattr__(self, name: str) -> object:
        raise KeyError(name)


def test_an_argument_that_cannot_be_looked_at_leaves_the_call_without_a_line() -> None:
    assert of_call(id, (Closed(),), {}) == ""
