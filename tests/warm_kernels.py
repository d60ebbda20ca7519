"""Kernels for notebooks that start where imports have ended: each is forked from one process that has torch at hand.

Importing torch, transformers and diffusers takes as long as most lessons do in smoke. A fresh kernel for each notebook
remains: its own process, its own memory, nothing of the kit itself imported yet.
"""

import multiprocessing
import os
import signal
import time

SLOW = ["torch", "transformers.modeling_utils", "peft", "bitsandbytes", "scipy.stats", "diffusers.models.modeling_utils"]
SLOW += ["diffusers.models.autoencoders.autoencoder_kl", "matplotlib.figure", "ipywidgets", "ipykernel.kernelapp"]
SLOW += ["mini_model.teach.timings"]


def _serve(words: list[str], surroundings: dict[str, str]) -> None:
    """A kernel's whole life, in a session of its own as a started one would be."""
    os.setsid()
    os.environ.clear()
    os.environ.update(surroundings)
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance(argv=words)


class Kernel:
    """What jupyter asks of a process it started."""

    stdin = stdout = stderr = None

    def __init__(self, words: list[str], surroundings: dict[str, str]):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(SLOW)
        self.process = context.Process(target=_serve, args=(words, surroundings))
        self.process.start()
        self.pid = self.process.pid
        while os.getpgid(self.pid) != self.pid:  # else a signal for the kernel's group would reach the tests
            time.sleep(0.01)

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def launch(command: list[str], env: dict[str, str], **_) -> Kernel:
    """In the place of jupyter's own `launch_kernel`, whose command is `python -m ipykernel_launcher -f FILE ...`."""
    return Kernel(command[command.index("-f") :], env)
