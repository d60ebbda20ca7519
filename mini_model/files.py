"""Files that are either whole or not there: everything the kit writes goes through here."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from mini_model.errors import KitError


def neighbour(path: Path) -> Path:
    """A hidden name beside `path`, of this process alone, where a file or folder is prepared."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


@contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Turns what the system says of a failed write into one sentence that names the place."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise KitError(f"cannot write {path}: {reason}; choose another place or make room there") from error


def write_whole(path: str | Path, content: bytes | str) -> Path:
    """Write a file so that a reader finds the old one or the new one, never a half.

    Raises KitError if the place cannot be written.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    part = neighbour(path)
    with said_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    return path


@contextmanager
def whole_folder(folder: str | Path, index: str) -> Iterator[Path]:
    """Fill a folder so that its `index` file only ever speaks of files that are there.

    The block writes into a neighbour of the folder. If the block fails, the folder is untouched. If the
    folder is new, the neighbour takes its name in one move. If it exists already, its old index goes first
    and the new one comes last, so that a break in between leaves no index rather than one that mixes files.
    """
    folder = Path(folder)
    with said_plainly(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = neighbour(folder.absolute())
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            yield part
            if folder.exists():
                _move_into(part, folder, index)
            else:
                os.replace(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _move_into(part: Path, folder: Path, index: str) -> None:
    """Move every file of `part` into `folder`: old index out, other files in, new index in."""
    folder.joinpath(index).unlink(missing_ok=True)
    names = sorted(path.relative_to(part) for path in part.rglob("*") if path.is_file())
    for name in sorted(names, key=lambda name: str(name) == index):  # False before True: the index last
        folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(part / name, folder / name)
