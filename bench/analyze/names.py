"""Names from code as people say them: operations, parameters, contenders, and how many of them."""

from bench.records import Crossing

THIN = "\N{NARROW NO-BREAK SPACE}"

MAX_NAME = 80
"""Characters of a name that a terminal shows: an id may hold a number of hundreds of digits."""

GPUS = ("cuda", "mps", "xpu")
"""Types of devices that people call a GPU."""

CALLED = {
    "way": {"from_numpy": "share (from_numpy)", "tensor": "copy (tensor)"},
    "engine": {"onnxruntime": "ONNX Runtime", "onnxruntime run": "ONNX Runtime (session.run)"},
}
"""By what competes: what people call a contender, where its name in the suites does not say it."""

BARE = ("True", "False", "None", "on", "off")
"""Values that say nothing without their parameter's name; numbers are others."""


def circumstances(crossing: Crossing) -> str:
    """The parameters that the contenders share; the CPU goes without saying."""
    shared = {name: value for name, value in crossing.fixed.items() if (name, value) != ("device", "cpu")}
    return ", ".join(f"{words(name)} {value}" for name, value in shared.items())


def contender(between: str, value: str) -> str:
    """A contender as one says it, wherever it stands: "GPU" for cuda, "2 workers", "1 thread", "all threads",
    "shuffle True", "prefetch factor 4"; what has a name of its own goes by it.
    """
    if between == "device":
        return _device(value)
    noun, value = words(between), short(value)
    if value.isdecimal() or value == "all":
        if not noun.endswith("s"):
            return f"{noun} {count(int(value)) if value.isdecimal() else value}"
        return f"{value} {noun.removesuffix('s') if value == '1' else noun}"
    if value in BARE or value.replace(".", "", 1).isdigit():
        return f"{noun} {value}"
    return CALLED.get(between, {}).get(value, value)


def _device(name: str) -> str:
    """The processor and GPUs as people call them, a second GPU by its number; others by torch's name."""
    kind, _, index = name.partition(":")
    if kind == "cpu":
        return "CPU"
    return f"GPU {index}".strip() if kind in GPUS else name


def short(name: str) -> str:
    """A name with its middle left out where it is longer than a line has room for."""
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME // 2]}…{name[-MAX_NAME // 2 :]}"


def count(value: float) -> str:
    """A whole number in groups of three digits."""
    return f"{value:,.0f}".replace(",", THIN) if value >= 10_000 else f"{value:g}"


def words(name: str) -> str:
    """A name from code as words: "num_workers" is "workers"; a column that would be taken for another has
    `param_` before the parameter's name."""
    return name.removeprefix("param_").removeprefix("num_").replace("_", " ")
