"""Compile every kernel beforehand, so that a worker's first list comes at once.

Run ``python -m online_models.compile`` after installing, and after an edit of a kernel if its first user
shall not wait: what is not compiled yet is compiled when it is called. Code in the cache is never out of date
(`online_models.kernel_cache`), so nothing has to be dropped. Of the core's programs it is the only one that
touches the disk.
"""

from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import cpu_count, get_context
from timeit import default_timer

from numba.core import event

from online_models.warm_up import EVALUATION_STEPS, STEPS

__all__ = ["main"]

ALL = {**STEPS, **EVALUATION_STEPS}
PROCESSES = 2
"""Processes that compile at a time; more than two wait for each other's kernels."""
REPORT_S = 10.0
"""Longest time without a line of output."""


def run_step(name: str) -> int:
    """Compile what a step of the warm-up runs; return how many kernels were not in the cache."""
    with event.install_recorder("numba:compile") as recorder:
        ALL[name]()
    return sum(one.is_start for _, one in recorder.buffer)


def main() -> None:
    """Compile what the cache does not hold, and say what was done and how long it took."""
    began = default_timer()

    def report(text: str) -> None:
        print(f"{default_timer() - began:6.0f} s: {text}", flush=True)

    with ProcessPoolExecutor(min(PROCESSES, cpu_count()), mp_context=get_context("spawn")) as pool:
        steps = {pool.submit(run_step, name): name for name in ALL}
        while steps:
            done, _ = wait(steps, REPORT_S, FIRST_COMPLETED)
            for step in done:
                report(f"{steps.pop(step)}: {step.result()} compiled")
            if not done:
                report(f"{len(steps)} of {len(ALL)} steps to go …")
    # Two processes that add forms of one kernel at the same time may lose one of them: it is made up for here
    report(f"all kernels are there ({sum(run_step(name) for name in ALL)} were compiled twice)")


if __name__ == "__main__":
    main()
