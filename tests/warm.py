"""Processes that start where imports have ended: all are forked from one that has torch and its like at hand.

Importing torch, transformers and diffusers takes longer than most of what the tests do with them. A process of its own
remains, with its own memory, which can be killed; nothing of the kit itself is imported in it yet.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable

SLOW = ["torch", "transformers.modeling_utils", "diffusers.models.autoencoders.autoencoder_kl", "accelerate", "peft"]
SLOW += ["bitsandbytes", "scipy.stats", "matplotlib.figure", "ipywidgets", "ipykernel.kernelapp"]


class Process:
    """A function at work in a warm process, with the words of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, work: Callable, *given) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(SLOW)
        self.process = context.Process(target=_alone, args=(work, *given))
        self.process.start()
        self.pid = self.process.pid
        while self.process.is_alive() and os.getpgid(self.pid) != self.pid:
            time.sleep(0.01)  # until then a signal for its group would reach the tests

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self.process.join(timeout)
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def _alone(work: Callable, *given) -> None:
    os.setsid()
    work(*given)


def script(code: str, words: list[str]) -> None:
    """As `python -c CODE WORDS` would."""
    sys.argv = ["-c", *words]
    exec(compile(code, "<script>", "exec"), {"__name__": "__main__"})


def _kernel(words: list[str], surroundings: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(surroundings)
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance(argv=words)


def launch_kernel(command: list[str], env: dict[str, str], **_) -> Process:
    """In the place of jupyter's own, whose command is `python -m ipykernel_launcher -f FILE ...`."""
    return Process(_kernel, command[command.index("-f") :], env)
