"""The house itself: the lock, the README, the command line and the doctor say what is so."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mini_model import circumstances, device, doctor
from mini_model.errors import KitError

HOME = Path(__file__).resolve().parent.parent
# Built from pieces, so that this file does not hold the words it looks for.
FORBIDDEN = [
    re.compile(r"\.\./" + "shared"),
    re.compile(r"(?<![\w.$~])/(?:" + "work|home|root|Users" + r")/\w"),
    re.compile(r"(?<![\w.$~])/" + r"tmp/\w"),
    re.compile("torch" + r"\.load\("),
    re.compile(r"^\s*(?:import|from) " + "pickle", re.MULTILINE),
]
TEXT = {
    "",
    ".py",
    ".md",
    ".txt",
    ".lock",
    ".toml",
    ".cff",
    ".json",
    ".jsonl",
    ".ipynb",
    ".html",
    ".css",
    ".js",
}


def command(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mini_model", *words], cwd=HOME, capture_output=True, text=True, timeout=120
    )


def kept_files() -> list[Path]:
    """The files git tracks or would track; all but the ignored ones where there is no git."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(listed, cwd=HOME, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        skip = {".venv", ".git", "out"}
        names = [str(p.relative_to(HOME)) for p in HOME.rglob("*") if not skip & set(p.relative_to(HOME).parts)]
    return [HOME / name for name in names if (HOME / name).is_file()]


def pins() -> dict[str, str]:
    lines = (HOME / "requirements.lock").read_text().splitlines()
    return dict(re.match(r"([\w.-]+)==([\w.+]+)", line).groups() for line in lines if re.match(r"\w", line))


def bounds() -> dict[str, str]:
    lines = (HOME / "requirements.txt").read_text().splitlines()
    return dict(re.match(r"([\w.-]+)>=([\w.]+)\s+# \S", line).groups() for line in lines if re.match(r"\w", line))


def test_lock_meets_every_bound():
    locked = pins()
    assert len(bounds()) > 15
    for name, bound in bounds().items():
        assert doctor._numbers(locked[name]) >= doctor._numbers(bound), name


def test_lock_holds_one_plain_torch():
    locked = pins()
    assert locked["torch"] == "2.13.0"
    assert not [name for name in locked if name.startswith(("nvidia", "triton", "torch")) and name != "torch"]
    assert not [version for version in locked.values() if "+" in version]


def test_installed_packages_are_the_locked_ones():
    checks = {check.name: check.found for check in doctor.examine()}
    locked = pins()
    assert {name: checks[name].split("+")[0] for name in bounds()} == {name: locked[name] for name in bounds()}


def test_every_imported_package_is_declared():
    names = {"PIL": "pillow", "huggingface_hub": "huggingface-hub"}
    ours = {"mini_model", *(path.stem for path in HOME.glob("mini_model/**/*.py"))}
    found = set()
    for path in [*HOME.glob("mini_model/**/*.py"), *HOME.glob("lessons/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            found |= {node.module} if isinstance(node, ast.ImportFrom) and node.module else set()
    packages = {word.split(".")[0] for word in found} - set(sys.stdlib_module_names) - ours
    assert "torch" in packages
    assert {names.get(name, name).lower() for name in packages} <= set(bounds())


def test_readme_tree_names_what_is_there():
    tree = (HOME / "README.md").read_text().split("## What is where")[1].split("```")[1]
    folder = ""
    missing = []
    for line in tree.strip().splitlines():
        indent, name, words = re.match(r"( *)(\S+)\s+(\S.*)", line).groups()
        folder = folder if indent else name if name.endswith("/") else ""
        path = HOME / (folder if indent else "") / name
        missing += [name] if not words or path.is_dir() != name.endswith("/") or not path.exists() else []
    assert not missing


def test_readme_links_and_targets_exist():
    readme = (HOME / "README.md").read_text()
    local = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]
    assert local
    assert not [link for link in local if not (HOME / link).exists()]
    rules = re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"make ([a-z-]+)", readme)) & set(rules) >= {
        "demo",
        "lab",
        "test",
        "bench",
        "train-mini",
    }


def test_no_kept_file_speaks_of_another_place():
    found = []
    for path in kept_files():
        if path.suffix in TEXT and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="ignore")
            found += [f"{path.relative_to(HOME)}: {hit[0]}" for word in FORBIDDEN if (hit := word.search(text))]
    assert not found


def test_make_alone_lists_each_target_in_one_line():
    made = subprocess.run(["make", "--no-print-directory"], cwd=HOME, capture_output=True, text=True, timeout=20)
    words = [line.split()[1] for line in made.stdout.splitlines()]
    assert words == ["demo", "test", "lab", "notebooks", "train-mini", "bench", "gpu-report"]


def bare_clone(folder: Path, python: str) -> Path:
    """A folder with the Makefile and a `python3` of our own making, a shell script."""
    for name in ("Makefile", "requirements.lock"):
        (folder / name).write_text((HOME / name).read_text())
    script = folder / "python3"
    script.write_text(f"#!/bin/sh\n{python}\n")
    script.chmod(0o755)
    return script


@pytest.mark.parametrize(
    ("python", "says"),
    [
        ("exit 1", "older than Python 3.11"),
        ('case "$2" in *ensurepip*) exit 1;; esac', "apt-get install python3-venv"),
    ],
)
def test_make_says_what_to_type_without_a_fitting_python(tmp_path, python, says):
    script = bare_clone(tmp_path, python)
    made = subprocess.run(["make", "demo", f"PYTHON={script}"], cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode != 0
    first, *others = made.stderr.splitlines()
    assert says in first
    assert all(line.startswith("make") for line in others)
    assert not (tmp_path / ".venv").exists()


def test_make_installs_once_and_again_when_the_lock_changes(tmp_path):
    bare_clone(tmp_path, "exit 1")
    fake = tmp_path / ".venv/bin/python"
    fake.parent.mkdir(parents=True)
    fake.write_text('#!/bin/sh\necho "$@" >> calls\n')
    fake.chmod(0o755)

    def calls() -> list[str]:
        (tmp_path / "calls").unlink(missing_ok=True)
        subprocess.run(["make", "demo"], cwd=tmp_path, capture_output=True, check=True)
        return [line for line in (tmp_path / "calls").read_text().splitlines() if "--version" not in line]

    install, demo = calls()
    assert install.startswith("-m pip install") and install.endswith("-r requirements.lock")
    assert demo == "-m mini_model demo"
    assert calls() == [demo]
    later = (tmp_path / ".venv/.installed").stat().st_mtime + 5
    os.utime(tmp_path / "requirements.lock", (later, later))
    assert calls() == [install, demo]


def test_doctor_answers_in_json():
    answer = command("doctor", "--json")
    said = json.loads(answer.stdout)
    assert set(said) == {"checks", "ok"}
    assert all(set(check) == {"name", "ok", "found", "wanted", "mend"} for check in said["checks"])
    assert {"python", "torch", "device", "memory", "disk", "mini weights"} <= {c["name"] for c in said["checks"]}
    assert said["ok"] == all(check["ok"] for check in said["checks"])
    assert answer.returncode == (0 if said["ok"] else 1)


def test_doctor_says_what_to_type(tmp_path):
    (tmp_path / "requirements.txt").write_text("numpy>=999.1  # far ahead\nno-such-package>=1.0  # missing\n")
    (tmp_path / "locked").write_text("a file where a folder should be")
    checks = {check.name: check for check in doctor.examine(tmp_path, out=tmp_path / "locked" / "out")}
    for name in ("numpy", "no-such-package", "mini weights", "out folder"):
        assert not checks[name].ok and checks[name].mend, name
    assert "[fail] numpy" in doctor.as_text(list(checks.values()))


@pytest.mark.parametrize(
    ("older", "newer"), [("2.9.1", "2.13.0"), ("2.12", "2.13.0+cpu"), ("4.9", "5.0.0rc1"), ("0.9.9", "1")]
)
def test_versions_are_ordered_as_numbers(older, newer):
    assert doctor._numbers(older) < doctor._numbers(newer)
    assert doctor._numbers("1.2") == doctor._numbers("1.2.0")


@pytest.mark.parametrize(
    ("flags", "dtype", "says"),
    [
        ({"avx2", "amx_bf16"}, torch.bfloat16, "AMX"),
        ({"avx512_bf16"}, torch.bfloat16, "AVX512-BF16"),
        ({"avx512f"}, torch.float32, "neither"),
    ],
)
def test_number_format_follows_the_processor(monkeypatch, flags, dtype, says):
    monkeypatch.setattr(device, "processor_flags", lambda: flags)
    compute = device.pick("cpu")
    assert (compute.device.type, compute.dtype) == ("cpu", dtype)
    assert says in compute.reason


def test_processor_flags_are_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu amx_bf16 avx2\nvmx flags\t: vnmi\n")
    assert device.processor_flags(tmp_path / "cpuinfo") == {"fpu", "amx_bf16", "avx2"}


@pytest.mark.parametrize("word", ["abacus", "cuda:99", "cpu:3", "meta"])
def test_a_device_that_is_not_here_is_one_clear_error(word):
    with pytest.raises(KitError, match=re.escape(repr(word))):
        device.pick(word)


@pytest.mark.parametrize(
    "words",
    [
        ["doctor", "--abacus"],
        ["abacus"],
        ["paint"],
        ["paint", "a red circle", "--max-rounds", "0"],
        ["paint", "a red circle", "--strategy", "abacus"],
        ["train", "abacus"],
        ["evaluate", "mini-geneval", "--limit", "many"],
    ],
)
def test_a_bad_word_gives_one_line_and_exit_code_2(words):
    answer = command(*words)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert re.fullmatch(r"error: .+\n", answer.stderr)


def test_without_a_command_the_commands_are_listed():
    answer = command()
    assert answer.returncode == 0
    for word in ("paint", "train", "evaluate", "parity", "doctor", "bench", "demo"):
        assert re.search(rf"^  {word} ", answer.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("mini_model.__main__", "python -m mini_model train base out/base elsewhere"),
        ("mini_model.evaluation.shipped", "python -m mini_model.evaluation.shipped train base out/base elsewhere"),
        (None, "python made.py train base out/base elsewhere"),
    ],
)
def test_a_record_tells_what_was_typed(monkeypatch, module, told):
    main = SimpleNamespace(__spec__=SimpleNamespace(name=module) if module else None)
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", ["/some/made.py", "train", "base", str(HOME / "out/base"), "/of/mine/elsewhere"])
    assert circumstances.command() == told
