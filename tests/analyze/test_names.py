"""Contenders as people say them: one name each, and none that says nothing."""

import pytest

from bench.analyze.names import contender, words


@pytest.mark.parametrize(
    ("between", "value", "name"),
    [
        ("device", "cpu", "CPU"),
        ("device", "cuda", "GPU"),
        ("device", "cuda:1", "GPU 1"),
        ("device", "sim", "sim"),
        ("engine", "onnxruntime", "ONNX Runtime"),
        ("engine", "onnxruntime run", "ONNX Runtime (session.run)"),
        ("engine", "numpy", "numpy"),
        ("way", "from_numpy", "share (from_numpy)"),
        ("num_workers", "1", "1 worker"),
        ("num_workers", "0", "0 workers"),
        ("threads", "all", "all threads"),
        ("prefetch_factor", "4", "prefetch factor 4"),
        ("momentum", "0.9", "momentum 0.9"),
        ("persistent_workers", "True", "persistent workers True"),
        ("tf32", "off", "tf32 off"),
        ("mode", "no_grad", "no_grad"),
    ],
)
def test_contenders_are_called_what_people_call_them(between: str, value: str, name: str) -> None:
    assert contender(between, value) == name


def test_a_parameter_s_column_goes_by_the_parameter_s_name() -> None:
    assert (words("param_side"), words("num_workers"), words("batch_size")) == (
        "side", "workers", "batch size",
    )  # fmt: skip
