"""Compile all kernels ahead of time, so that the first list of a worker does not wait for it.

Run ``python -m online_models.compile`` after installing and after editing kernels. A kernel that is not
compiled yet is compiled at its first call. Code in the cache is never out of date
(`online_models.kernel_cache`), so nothing has to be dropped.
"""

import gc
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import cpu_count, get_context
from timeit import default_timer

from numba.core import event

from online_models.warm_up import EVALUATION_STEPS, STEPS

__all__ = ["main"]

ALL = {**STEPS, **EVALUATION_STEPS}
PROCESSES = 2
"""Processes that compile at a time; more than two mostly wait for each other's kernels."""
REPORT_S = 10.0
"""Longest time without a line of output."""


def run_step(name: str) -> int:
    """Compile the kernels that a step of the warm-up calls; return how many were not in the cache."""
    with event.install_recorder("numba:compile") as recorder:
        ALL[name]()
    return sum(one.is_start for _, one in recorder.buffer)


def main() -> None:
    """Compile the kernels that are missing in the cache; print progress and times."""
    began = default_timer()
    gc.disable()  # it takes 7 % of the time, and little is garbage: a process has 650 MB without it

    def report(text: str) -> None:
        print(f"{default_timer() - began:6.0f} s: {text}", flush=True)

    # Forks have imported numba and all kernels already
    with ProcessPoolExecutor(min(PROCESSES, cpu_count()), mp_context=get_context("fork")) as pool:
        steps = {pool.submit(run_step, name): name for name in ALL}
        while steps:
            done, _ = wait(steps, REPORT_S, FIRST_COMPLETED)
            for step in done:
                report(f"{steps.pop(step)}: {step.result()} compiled")
            if not done:
                report(f"{len(steps)} of {len(ALL)} steps to go …")
    # Where both compiled a kernel at the same time, callers of the copy that was stored first compile again
    report(f"all kernels are compiled ({sum(run_step(name) for name in ALL)} of them twice)")


if __name__ == "__main__":
    main()
