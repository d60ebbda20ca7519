"""Is this machine ready?  One line per requirement: what was found, what is wanted, what to type."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
WEIGHTS = Path("data_samples/weights/mini")
PARTS = ("ema.safetensors", "ae.safetensors", "llm_config.json", "tokenizer.json")
INSTALL = f"{Path(sys.executable).name} -m pip install -r requirements.lock"
OLDEST_PYTHON = (3, 11)
MEMORY_GB = 2.0  # the mini model, its libraries and a notebook beside them
DISK_GB = 1.0  # a training run with its checkpoints; the install itself is already there
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Check:
    """One requirement: its name, whether it is met, what was found, what is wanted and what to type."""

    name: str
    ok: bool
    found: str
    wanted: str
    mend: str = ""


def examine(home: Path = HOME, out: Path = Path("out")) -> list[Check]:
    """Look at everything the kit needs, in the order in which a student would mend it.

    `home` is the folder of the clone, `out` the folder that runs write to. Nothing is changed, nothing heavy
    but torch is imported.
    """
    checks = [_python(), *_packages(home / "requirements.txt")]
    if all(check.ok for check in checks if check.name == "torch"):
        checks += _compute()
    return [*checks, _memory(), _disk(out), _writable(out), _weights(home / WEIGHTS), _browser()]


def as_json(checks: list[Check]) -> dict:
    """The checks as the machine-readable answer: a list under "checks", and "ok" when all are."""
    return {"checks": [asdict(check) for check in checks], "ok": all(check.ok for check in checks)}


def as_text(checks: list[Check]) -> str:
    """The checks as lines to read: [ok] or [fail], what was found, and what to type."""
    return "\n".join(line for check in checks for line in _lines(check))


def _lines(check: Check) -> Iterator[str]:
    wanted = f" (wanted: {check.wanted})" if check.wanted else ""
    yield f"{'[ok]' if check.ok else '[fail]':<6} {check.name:<13} {check.found}{wanted}"
    if check.mend:
        yield f"{'':<20} {check.mend if check.ok else 'to mend it: ' + check.mend}"


def _python() -> Check:
    wanted = ".".join(map(str, OLDEST_PYTHON))
    mend = "install a newer Python, then type: rm -r .venv; make demo PYTHON=python3.12"
    ok = sys.version_info >= OLDEST_PYTHON
    return Check("python", ok, sys.version.split()[0], f"{wanted} or newer", "" if ok else mend)


def _packages(requirements: Path) -> list[Check]:
    if not requirements.is_file():
        return [Check("requirements", False, "no requirements.txt", "a whole clone", "git restore requirements.txt")]
    bounds = re.findall(r"^([\w.-]+)>=([\d.]+)", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    return [_package(name, bound) for name, bound in bounds]


def _package(name: str, bound: str) -> Check:
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, False, "not installed", f"{bound} or newer", INSTALL)
    ok = _numbers(found) >= _numbers(bound)
    return Check(name, ok, found, f"{bound} or newer", "" if ok else INSTALL)


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version without trailing zeros: "2.13.0+cpu" is (2, 13)."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, re.sub(r"(\.0+)+$", "", release[0]).split("."))) if release else ()


def _compute() -> list[Check]:
    try:
        import torch  # the one heavy import, here because the answer lies nowhere else

        from mini_model.device import pick
    except (ImportError, OSError) as error:
        mend = f"{Path(sys.executable).name} -m pip install --force-reinstall torch==2.13.0"
        return [Check("torch build", False, f"does not load: {error}", "", mend)]
    build = f"made for CUDA {torch.version.cuda}" if torch.version.cuda else "made for the processor"
    idle = shutil.which("nvidia-smi") is not None and not torch.cuda.is_available()
    note = "this torch cannot use the NVIDIA card here; pytorch.org names the build that fits its driver"
    compute = pick()
    return [
        Check("torch build", True, build, "", note if idle else ""),
        Check("device", True, str(compute.device), ""),
        Check("number format", True, compute.reason, ""),
    ]


def _memory() -> Check:
    try:
        import psutil
    except ImportError:
        return Check("memory", False, "cannot be measured without psutil", f"{MEMORY_GB:.0f} GB free", INSTALL)
    free = psutil.virtual_memory().available / 1e9
    ok = free >= MEMORY_GB
    return Check("memory", ok, f"{free:.1f} GB free", f"{MEMORY_GB:.0f} GB", "" if ok else "close other programs")


def _disk(out: Path) -> Check:
    place = _nearest(out)
    free = shutil.disk_usage(place).free / 1e9
    mend = f"make room on the disk of {place}"
    return Check("disk", free >= DISK_GB, f"{free:.1f} GB free", f"{DISK_GB:.0f} GB", "" if free >= DISK_GB else mend)


def _writable(out: Path) -> Check:
    place = _nearest(out)
    try:
        with tempfile.TemporaryFile(dir=place):
            return Check("out folder", True, f"{out} can be written", "")
    except OSError as error:
        why = error.strerror or str(error)
        return Check("out folder", False, f"{out}: {why}", "a folder to write to", f"chmod u+rwx {place}")


def _nearest(folder: Path) -> Path:
    """The folder itself, or the closest one above it that exists; a file in the way is returned as it is."""
    folder = folder.absolute()
    return folder if folder.exists() else _nearest(folder.parent)


def _weights(folder: Path) -> Check:
    parts = [folder / name for name in PARTS]
    found = all(path.is_file() and path.stat().st_size for path in parts)
    mend = f"git restore {WEIGHTS.as_posix()}, or train them with: make train-mini"
    said = "present" if found else f"nothing whole in {WEIGHTS.as_posix()}"
    return Check("mini weights", found, said, ", ".join(PARTS), "" if found else mend)


def _browser() -> Check:
    found = next((word for word in BROWSERS if shutil.which(word)), None)
    note = "only the tests of the pages want one: sudo apt-get install chromium"
    return Check("browser", True, found or "none found", "optional", "" if found else note)
