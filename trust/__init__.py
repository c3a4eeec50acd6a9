"""The suite's own proof that its numbers are true, on the machine at hand: `python -m trust [SECTION ...]`.

    busy        quiet against busy: the same live workers, with and without a competing process
    repeat      two independent runs of the same cases
    peers       beside torch.utils.benchmark and pytest-benchmark, on the same calls
    cost        what the harness itself costs, per call and per block
    simulated   device times against the truth of the simulated accelerator
    mutations   the harness made wrong on purpose: each time something must notice
    absent      without accelerator, schedstat or NVML the same commands work and say so
    forks       launches that were forked from templates against fresh starts, in lock step

A section is a module of that name with a function `prove(folder) -> Proof`. Only ratios within one section
are judged: a machine's own speed may change between two.
"""
