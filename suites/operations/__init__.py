"""Every other operation that the course names, and those of the three courses that follow it, in their order.

What the seven families of `suites/` do not time by itself stands here, beside what to use instead. A run
measures these files where it is given their path: `bench run suites/operations`, or one of them. Which
operation is timed by which benchmark is written in `course.toml`, and docs/operations.md is made from it.
"""
