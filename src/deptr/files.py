"""Writing files so that a crash, an interrupt or a full disk never leaves half a file behind."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from deptr.errors import DataError


def first_free(folder: Path) -> Path:
    """The folder, or the first of ``folder-2``, ``folder-3``, ... that is not there or empty.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> _ = (folder / "run").mkdir(), (folder / "run" / "a.txt").touch()
        >>> first_free(folder / "run").name
        'run-2'
    """
    number, place = 1, folder
    while place.exists() and not (place.is_dir() and not any(place.iterdir())):
        number += 1
        place = folder.with_name(f"{folder.name}-{number}")
    return place


@contextmanager
def locked(
    path: str | Path,
    *,
    about: Path | None = None,
    problem: str = "is being written",
    hint: str = "wait for it",
) -> Iterator[None]:
    """Nobody else holds that lock file while the block runs; a killed process lets go by itself.

    Args:
        path: The lock file; folders are made.
        about: What an error names, the lock file's folder if None.
        problem: What to say when another process holds it.
        hint: What to do then.

    Raises:
        DataError: Another process holds it, or it cannot be written.

    Example:
        >>> path = getfixture("tmp_path") / "run" / ".lock"
        >>> with locked(path):
        ...     with locked(path):
        ...         pass
        Traceback (most recent call last):
        ...
        deptr.errors.DataError: ...run: is being written: found process ... is writing it (wait for it)
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("a+")
    except OSError as error:
        raise DataError(target, "cannot be written", found=error.strerror or str(error)) from error
    with file:
        if not _try_lock(file):
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise DataError(
                about or target.parent, problem, found=f"process {owner} is writing it", hint=hint
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _try_lock(file: IO[str]) -> bool:
    """Take the operating system's lock on an open file, which ends with the process."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary name beside `path` that becomes `path` when the block ends without an error.

    Use it for libraries that want a name to write to. On an error the temporary file is removed and
    what stood at `path` before is untouched.

    Raises:
        DataError: The folder cannot be written or the disk is full.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    except OSError as error:
        found = error.strerror or str(error)
        hint = "check space and permissions"
        raise DataError(target, "cannot be written", found=found, hint=hint) from error
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):
                temporary.unlink()


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    r"""A file opened for writing that appears under `path`, whole, when the block ends without an error.

    Args:
        path: Where the file shall appear; folders are made.
        mode: ``"w"`` for UTF-8 text with ``\n`` line ends, ``"wb"`` for bytes.

    Raises:
        DataError: The folder cannot be written or the disk is full.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> with atomic_write(folder / "a.txt") as file:
        ...     _ = file.write("whole")
        >>> (folder / "a.txt").read_text()
        'whole'
    """
    text = "b" not in mode
    with atomic_path(path) as temporary:
        with temporary.open(mode, encoding="utf-8" if text else None, newline="\n" if text else None) as file:
            yield file
            file.flush()
