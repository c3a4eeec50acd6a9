"""Profiling with real workers on tiny suites: what is recorded, and what is said where it cannot be."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bench.app import profile
from bench.measure.drive import profile_run
from bench.storage import profiles
from tests.measure.profiling.profiled_suite import EPOCH, PLAIN, SUITE, profiled

pytestmark = pytest.mark.machine  # what is profiled takes real time, and stacks are samples of it


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, profiles.Profile]:
    """Profiles of the tests that can be profiled, by test."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("profiled")
    tests = ("test_epoch", "test_only_twice", "test_set_up")
    return dict(zip(tests, profiled(folder, *tests, text=EPOCH + SUITE), strict=True))


def test_an_epochs_phases_add_up_to_its_wall_time(run: dict[str, profiles.Profile]) -> None:
    phases = run["test_epoch"].phases.set_index("phase")["host_s"]
    named = phases.drop("other")
    assert {"data", "transfer", "forward", "loss", "backward", "optimizer"} <= set(named.index)
    # Alone they are within 5 %; a busy machine takes its time between the phases, too.
    assert named.sum() == pytest.approx(run["test_epoch"].about["wall_s"], rel=0.2)
    assert phases.sum() == pytest.approx(run["test_epoch"].about["wall_s"], rel=1e-6)


def test_operators_have_shapes_types_flops_and_bytes(run: dict[str, profiles.Profile]) -> None:
    epoch = run["test_epoch"]
    steps = epoch.pieces
    assert epoch.about["piece"] == "step"
    assert steps % 20 == 0
    table = epoch.operators
    (first,) = table[(table["name"] == "aten::addmm") & table["shapes"].str.contains("784x512")].to_dict(
        "records"
    )
    assert first["shapes"] == "512, 32x784, 784x512"
    assert first["types"] == "float"
    assert first["count"] == steps
    assert first["flops"] == steps * 2 * 32 * 784 * 512
    assert first["allocated_bytes"] == steps * 32 * 512 * 4
    assert first["within"] == "aten::linear"
    assert table["self_s"].is_monotonic_decreasing
    assert table["self_s"].sum() == pytest.approx(epoch.about["wall_s"], rel=0.01)


def test_allocations_are_kept_in_time_order(run: dict[str, profiles.Profile]) -> None:
    memory = run["test_epoch"].memory
    assert memory["at_s"].is_monotonic_increasing
    assert set(memory["device"]) == {"cpu"}
    assert (memory["bytes"] > 0).any()
    assert (memory["bytes"] < 0).any()


def test_no_more_calls_are_made_than_the_test_allows(run: dict[str, profiles.Profile]) -> None:
    table = run["test_only_twice"].operators
    assert table.loc[table["name"] == "aten::add", "count"].sum() == run["test_only_twice"].pieces <= 2


def test_set_up_is_no_part_of_a_call(run: dict[str, profiles.Profile]) -> None:
    names = set(run["test_set_up"].operators["name"])
    assert "aten::relu" in names
    assert "aten::exp" not in names


NUMBER = (int, float)
REQUIRED: dict[Any, dict[str, Any]] = {
    "X": {"name": str, "ts": NUMBER, "dur": NUMBER},
    "i": {"name": str, "ts": NUMBER},
    "M": {"name": str, "args": dict},
    "s": {"id": (int, str), "ts": NUMBER},
    "f": {"id": (int, str), "ts": NUMBER},
}
"""Kinds of events in the trace-event format that torch writes, and what each must have."""


def faults(trace: dict[str, Any]) -> list[str]:
    """What the trace-event format does not allow."""
    found = []
    flows: dict[str, set[Any]] = {"s": set(), "f": set()}
    for number, event in enumerate(trace["traceEvents"]):
        wanted = REQUIRED.get(event.get("ph"))
        if wanted is None:
            found.append(f"event {number} is of the unknown kind {event.get('ph')!r}")
            continue
        found += [
            f"event {number} lacks {name}"
            for name, kind in wanted.items()
            if not isinstance(event.get(name), kind)
        ]
        found += [f"event {number} lacks {name}" for name in ("pid", "tid") if name not in event]
        if event["ph"] in flows:
            flows[event["ph"]].add(event["id"])
        if event["ph"] == "X" and event["dur"] < 0:
            found.append(f"event {number} ends before it starts")
    found += [f"flow {each} ends without a start" for each in flows["f"] - flows["s"]]
    return found


def test_the_trace_keeps_to_the_trace_event_format(run: dict[str, profiles.Profile]) -> None:
    with gzip.open(run["test_epoch"].folder / profiles.TRACE, "rt", encoding="utf-8") as stream:
        trace = json.load(stream, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert faults(trace) == []
    assert faults({"traceEvents": [{"ph": "X", "name": "no time", "pid": 1, "tid": 1, "ts": 0, "dur": -1}]})


def test_the_trace_opens_in_perfettos_own_processor(run: dict[str, profiles.Profile]) -> None:
    processor = pytest.importorskip("perfetto.trace_processor")
    kept = sorted(Path("~/.local/share/perfetto/prebuilts").expanduser().glob("trace_processor_shell*"))
    binary = shutil.which("trace_processor_shell") or next(
        (str(each) for each in kept if each.suffix != ".tmp"), None
    )
    if binary is None:
        pytest.skip("no trace_processor_shell here; the package perfetto downloads it when it is first used")
    config = processor.TraceProcessorConfig(bin_path=binary)
    with processor.TraceProcessor(
        trace=str(run["test_epoch"].folder / profiles.TRACE), config=config
    ) as opened:
        (row,) = opened.query("select count(*) as found from slice where name = 'aten::addmm'")
    assert row.found > 0


def test_stacks_show_what_python_does(run: dict[str, profiles.Profile]) -> None:
    if profile_run.py_spy() is None:
        pytest.skip("py-spy is not installed")
    from bench.analyze.profiles import stacks

    epoch = run["test_epoch"]
    if epoch.stacks is None:
        pytest.skip(epoch.about["notes"][0])
    names = {name for _, functions, _ in stacks.samples(epoch.stacks) for name in functions}
    assert any("train_loop" in name for name in names)
    assert [name for name in names if "pytest" in name] == []


def test_a_case_without_torch_has_stacks_and_no_operators(tmp_path: Path) -> None:
    (found,) = profiled(tmp_path, "test_sum", text=PLAIN)
    assert found.operators.empty
    assert any("does not use torch" in note for note in found.about["notes"])
    assert found.about["plain_s"] > 0


def test_cases_are_chosen_by_id_test_or_pattern() -> None:
    case = "suites/test_03.py::test_matmul[cpu-16]"
    chosen = (case, "suites/test_03.py::test_matmul", "test_matmul*", "test_matmul", "*::test_mat*cpu-16]")
    assert all(profile.matches(case, wanted) for wanted in chosen)
    assert not any(
        profile.matches(case, wanted) for wanted in ("test_mat", "test_matmul[cpu-1]", "test_mul*")
    )


@pytest.mark.usefixtures("no_stacks")
def test_onnx_runtimes_own_profile_is_in_the_same_table(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info(name, floats, [4, 4]) for name in "ab"]
    output = helper.make_tensor_value_info("c", floats, [4, 4])
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "graph", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, str(tmp_path / "model.onnx"))
    text = f"""
import numpy as np, onnxruntime, torch

def test_session(benchmark):
    file = {str(tmp_path / "model.onnx")!r}
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    numbers = np.ones((4, 4), np.float32)
    benchmark(session.run, None, {{"a": numbers, "b": numbers}})
"""
    (found,) = profiled(tmp_path, "test_session", text=text)
    (row,) = found.operators[found.operators["name"] == "onnx::MatMul"].to_dict("records")
    assert row["count"] == found.pieces
    assert row["shapes"] == "4x4, 4x4"
    assert row["types"] == "float"
    assert row["kind"] == "onnxruntime"
