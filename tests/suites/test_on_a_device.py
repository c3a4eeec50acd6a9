"""What only a GPU would run: operands on the right device, and ONNX Runtime's stream."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from tests import ROOT
from tests.suites.stand_ins import Once

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from suites import (  # noqa: E402 - only where torch is
    engines,
    network,
    test_02_host_device,
    test_03_matmul_mul,
    test_03_types_shapes,
    test_05_forward_backward,
)

OPERATIONS_ON_A_DEVICE: list[tuple[Callable[..., None], dict[str, Any]]] = [
    (test_02_host_device.test_copy_within, {"n": 8}),
    (test_02_host_device.test_to_device, {"memory": "pageable", "n": 8}),
    (test_02_host_device.test_to_host, {"destination": "fresh", "n": 8}),
    (
        test_02_host_device.test_ways_to_device,
        {"memory": "pageable", "destination": "fresh", "waiting": "blocking"},
    ),
    (test_02_host_device.test_ways_to_host, {"destination": "pageable", "waiting": "blocking"}),
    (test_03_matmul_mul.test_matmul, {"n": 8}),
    (test_03_matmul_mul.test_mul, {"n": 8}),
    (test_03_matmul_mul.test_matmul_against_mul, {"product": "matmul", "n": 8}),
    *((test_03_matmul_mul.test_ways_to_matmul, {"way": way}) for way in ("a @ b", "torch.matmul", "out=")),
    *(
        (test_03_matmul_mul.test_ways_to_mul, {"way": way})
        for way in ("a * b", "torch.mul", "out=", "in place")
    ),
    *(
        (test_03_types_shapes.test_matmul_dtype_on_device, {"dtype": dtype, "n": 8})
        for dtype in ("float64", "bfloat16")
    ),
    *((test_03_types_shapes.test_matmul_shapes, {"shape": shape}) for shape in test_03_types_shapes.SHAPES),
    *(
        (operation, {"trip": trip, "n": 8})
        for operation in (test_03_matmul_mul.test_matmul_moved, test_03_matmul_mul.test_mul_moved)
        for trip in ("inputs pageable", "round_trip pageable")
    ),
    (test_05_forward_backward.test_forward, {"batch": 2}),
    (test_05_forward_backward.test_forward_moved, {"trip": "round_trip pageable", "batch": 2}),
    (test_05_forward_backward.test_forward_resnet18, {"batch": 2}),
    *(
        (test_05_forward_backward.test_forward_modes, {"network": "mlp", "mode": mode})
        for mode in test_05_forward_backward.MODES
    ),
    (test_05_forward_backward.test_loss, {"network": "mlp"}),
]


OWN_PROCESS = "BENCH_TESTS_FAKE_TENSORS"
in_own_process = pytest.mark.skipif(
    OWN_PROCESS not in os.environ, reason="run by test_operands_in_a_process_of_their_own"
)


def test_operands_in_a_process_of_their_own() -> None:
    """The simulated accelerator, once registered, takes the place of the fake one for good."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        __file__,
        "-q",
        "-k",
        "operands_lie or test_an_operand_on_the_wrong_device_is_found_out",
        "-p",
        "no:cacheprovider",
    ]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, capture_output=True, text=True, env={**outside, OWN_PROCESS: "1"}, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]


@in_own_process
@pytest.mark.parametrize(
    ("operation", "parameters"),
    OPERATIONS_ON_A_DEVICE,
    ids=[f"{operation.__name__}-{'-'.join(map(str, p.values()))}" for operation, p in OPERATIONS_ON_A_DEVICE],
)
def test_operands_lie_on_the_device(
    monkeypatch: pytest.MonkeyPatch, operation: Callable[..., None], parameters: dict[str, Any]
) -> None:
    """Without a GPU fake tensors carry a device, and no values: so the test ends where it looks at those."""
    from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

    results = []

    class Kept(Once):
        def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            results.append(function(*args, **kwargs))
            return results[0]

    monkeypatch.setattr(test_05_forward_backward, "build", build_on_cuda)
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, _device: module)
    with FakeTensorMode(), contextlib.suppress(DataDependentOutputException):
        operation(Kept(), device="cuda", **parameters)
    (result,) = results
    back = "to_host" in operation.__name__ or "round_trip" in parameters.get("trip", "")
    expected = "cpu" if back else "cuda"
    assert result.device.type == expected


def build_on_cuda(name: str) -> Any:
    """A network of fake weights, made where it is to be: fake ones cannot be moved with `.to(device)`."""
    from torchvision.models import resnet18

    with torch.device("cuda"):
        return network.NeuralNetwork() if name == "mlp" else resnet18(weights=None)


@in_own_process
def test_an_operand_on_the_wrong_device_is_found_out() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(), pytest.raises(RuntimeError, match="device"):
        torch.matmul(torch.rand(2, 2, device="cuda"), torch.rand(2, 2))


def test_onnxruntime_gets_the_stream_that_torch_works_on(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = mock.create_autospec(torch.cuda)
    cuda.Stream.return_value.cuda_stream = 1234
    monkeypatch.setattr(torch, "cuda", cuda)
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with engines.own_stream("cuda:1") as stream:
        name, options = engines.provider("cuda:1", stream)
    cuda.device.assert_called_once_with("cuda:1")
    cuda.stream.assert_called_once_with(stream)
    assert name == "CUDAExecutionProvider"
    assert options["device_id"] == "1"
    assert options["user_compute_stream"] == "1234"
    assert options["use_tf32"] == "0"


def test_a_session_that_fell_back_to_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    fallen_back = mock.create_autospec(onnxruntime.InferenceSession)
    fallen_back.return_value.get_providers.return_value = ["CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "InferenceSession", fallen_back)
    with pytest.raises(
        pytest.skip.Exception, match=r"cannot load CUDAExecutionProvider.*install the onnxruntime-gpu"
    ):
        engines.start_session("network.onnx", "cuda", SimpleNamespace(cuda_stream=1))


def test_a_device_unknown_to_onnxruntime_is_skipped_with_a_reason() -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(pytest.skip.Exception, match="nothing that computes on mps"):
        engines.provider("mps", None)


def test_tf32_needs_a_gpu_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = mock.create_autospec(torch.cuda)
    cuda.get_device_capability.return_value = (7, 5)
    monkeypatch.setattr(torch, "cuda", cuda)
    with pytest.raises(pytest.skip.Exception, match="cuda has no TensorFloat-32"):
        test_03_types_shapes.test_matmul_tf32(Once(), "cuda", "on", 8)
    cuda.get_device_capability.assert_called_once_with("cuda")
