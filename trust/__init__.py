"""The suite's own proof that its numbers are true, on the machine at hand: `python -m trust [SECTION ...]`.

    busy        quiet against busy: the same live workers, with and without a competing process
    repeat      two independent runs of the same cases
    coverage    simulations, and recorded runs against each other: do intervals hold what they say?
    peers       beside torch.utils.benchmark and pytest-benchmark, on the same calls
    cost        what the harness itself costs, per call and per block
    simulated   device times against the truth of the simulated accelerator
    mutations   the harness made wrong on purpose: each time something must notice
    absent      without accelerator, schedstat or NVML the same commands work and say so
    planted     live gates on a project that lost a thread and a worker, and beside a hog
    forks       launches that were forked from templates against fresh starts, in lock step

A section is a module of that name with a function `prove(folder) -> Proof`; `coverage` takes runs as well,
and `forks` a number of launches. Beside them, each by itself: `python -m trust.bias`, `trust.spending` and
`trust.settled` print tables of recorded runs. Only ratios within one section
are judged: a machine's own speed may change between two.
"""
