"""Names from code as people say them: operations, parameters, contenders."""

from bench.records import Crossing


def circumstances(crossing: Crossing) -> str:
    """The parameters that the contenders share; the CPU goes without saying."""
    shared = {name: value for name, value in crossing.fixed.items() if (name, value) != ("device", "cpu")}
    return ", ".join(f"{words(name)} {value}" for name, value in shared.items())


def contender(between: str, value: str) -> str:
    """A contender as one says it: "cuda", "2 workers", "1 thread", "all threads"."""
    if not (value.isdigit() or value == "all"):
        return value
    noun = words(between)
    return f"{value} {noun.removesuffix('s') if value == '1' else noun}"


def words(name: str) -> str:
    """A name from code as words: "num_workers" is "workers"."""
    return name.removeprefix("num_").replace("_", " ")
