"""torch against ONNX Runtime: exporting a trained network, and which of the two answers faster.

Each engine runs in a worker of its own: ONNX Runtime's waiting threads spin (its default, kept here) and
would take the cores from torch. Both compute with as many threads, and their answers are compared before the
timing. Bound to tensors beforehand (IO binding), ONNX Runtime computes where these lie: nothing but the
network is timed, on a GPU either.
"""

import time
from collections import deque

import numpy as np
import pytest

from .engines import answering, export, exported, ready, start_session
from .network import images_for
from .sizes import BATCHES

torch = pytest.importorskip("torch")

ENGINES = [
    "torch",
    pytest.param("onnxruntime", marks=pytest.mark.isolate("onnxruntime")),
    pytest.param("onnxruntime run", marks=pytest.mark.isolate("onnxruntime")),
]
"""ONNX Runtime reads its input from tensors bound beforehand, or is given numpy arrays (run). On a CPU with
many cores binding can be the slower one, so that both compete."""

MOST_ANSWERS = 20_000
"""Answers whose times are kept, the latest: of them ten in a thousand make the 99th percentile."""


@pytest.fixture
def model():
    """The course's network, ready to answer."""
    return ready("mlp")


@pytest.fixture(scope="session")
def onnx_file():
    """The course's network exported to ONNX."""
    return exported("mlp")


@pytest.fixture
def same_settings(set_flag):
    """For torch what is asked of ONNX Runtime: convolution kernels chosen by heuristic. TF32 is off."""
    set_flag(torch.backends.cudnn, "benchmark", False)


@pytest.mark.crossover(axis="batch", between="engine")
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.usefixtures("same_settings")
def test_inference(benchmark, device, engine, batch):
    """The course's network answers for a batch of images, by torch or by ONNX Runtime."""
    with answering(device, engine, "mlp", batch, benchmark) as (call, args):
        benchmark(call, *args)


@pytest.mark.preset("default")
@pytest.mark.parametrize("engine", ENGINES[:2])
@pytest.mark.usefixtures("same_settings")
def test_inference_resnet18(benchmark, device, engine):
    """resnet18 answers for one photo, by torch or by ONNX Runtime."""
    with answering(device, engine, "resnet18", 1, benchmark) as (call, args):
        benchmark(call, *args)


@pytest.mark.preset("default")
@pytest.mark.parametrize("engine", ENGINES[:2])
@pytest.mark.usefixtures("same_settings")
def test_answer_times(benchmark, device, engine):
    """One image answered at a time and waited for: how long nearly all requests take (p50, p95, p99)."""
    synchronize = torch.get_device_module(device).synchronize
    took_s = deque(maxlen=MOST_ANSWERS)
    with answering(device, engine, "mlp", 1, benchmark) as (call, args):

        def answer():
            asked_s = time.perf_counter()
            call(*args)
            synchronize()
            took_s.append(time.perf_counter() - asked_s)

        benchmark(answer)
    shares = {"p50": 50, "p95": 95, "p99": 99}
    took_s = np.array(took_s)[len(took_s) // 10 :]  # the first are those of the warm-up
    benchmark.extra_info |= {
        f"latency_{name}_s": np.percentile(took_s, share) for name, share in shares.items()
    }
    benchmark.extra_info["answers"] = len(took_s)


@pytest.mark.isolate("onnxruntime")
def test_session(benchmark, onnx_file):
    """Starting ONNX Runtime on an exported network: what has to be done once before the first answer."""
    session = benchmark(start_session, onnx_file)
    assert [tensor.name for tensor in session.get_inputs()] == ["images"]


@pytest.mark.preset("default")
@pytest.mark.isolate("onnxruntime")
def test_export(benchmark, model, tmp_path):
    """Exporting the course's network to an ONNX file."""
    onnx, _ = pytest.importorskip("onnx"), pytest.importorskip("onnxscript")
    path = tmp_path / "network.onnx"
    benchmark.pedantic(export, args=(model, path, images_for("mlp", 2, "cpu")), rounds=1)
    weights = {tensor.name for tensor in onnx.load(str(path)).graph.initializer}
    assert weights >= {name for name, _ in model.named_parameters()}
