"""Watching a run: a log of the losses, a plot of them, and pictures of what the model can do."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402 (the backend must be named first)
from PIL import Image  # noqa: E402

KEEP_EVERY = 10  # steps between two lines of the log
SMOOTH = 0.98  # how much of the running mean of a loss stays at each step


class Log:
    """Losses as they fall: smoothed for the eye, every tenth step on disk, drawn when a checkpoint is saved."""

    def __init__(self, out: Path, step: int) -> None:
        self.out, self.path = out, out / "log.jsonl"
        out.mkdir(parents=True, exist_ok=True)
        self.rows = [row for row in self._read() if row["step"] <= step]
        self.path.write_text("".join(json.dumps(row) + "\n" for row in self.rows))
        self.smooth: dict[str, float] = {}
        self.rate = 0.0
        self.seconds = self.rows[-1]["seconds"] if self.rows else 0.0

    def _read(self) -> list[dict]:
        if not self.path.exists():
            return []
        rows = []
        for line in self.path.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break  # the last line of a run that was killed while writing
        return rows

    def add(self, step: int, parts: dict[str, float], tokens: int, seconds: float) -> None:
        """Take note of one step."""
        for name, value in parts.items():
            self.smooth[name] = SMOOTH * self.smooth.get(name, value) + (1 - SMOOTH) * value
        passed = max(seconds - self.seconds, 1e-9)
        self.rate = tokens / passed if not self.rate else 0.9 * self.rate + 0.1 * tokens / passed
        self.seconds = seconds
        if step % KEEP_EVERY == 0:
            row = {"step": step, "seconds": round(seconds, 1), "tokens_per_second": round(self.rate), **parts}
            self.rows.append(row)
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")

    def line(self) -> str:
        """The losses and the speed, short enough for a progress bar."""
        losses = " ".join(f"{name} {value:.4f}" for name, value in self.smooth.items())
        return f"{losses} | {self.rate:,.0f} tokens/s"

    def picture(self, sample: Image.Image | None, step: int) -> None:
        """Save a sample picture, if there is one, and draw the losses anew."""
        folder = self.out / "samples"
        folder.mkdir(exist_ok=True)
        if sample:
            sample.save(folder / f"step-{step:07d}.png")
        self._plot()

    def _plot(self) -> None:
        names = [
            name
            for name in (self.rows[-1] if self.rows else {})
            if name not in ("step", "seconds", "tokens_per_second")
        ]
        if not names:
            return
        figure, axes = plt.subplots(1, len(names), figsize=(4 * len(names), 3), squeeze=False)
        for axis, name in zip(axes[0], names, strict=True):
            axis.plot(
                [row["step"] for row in self.rows],
                [row.get(name) for row in self.rows],
                color="#0072B2",
                lw=1,
            )
            axis.set(title=name, xlabel="step", yscale="log")
            axis.grid(alpha=0.3)
        figure.tight_layout()
        figure.savefig(self.out / "loss.png", dpi=110)
        plt.close(figure)
