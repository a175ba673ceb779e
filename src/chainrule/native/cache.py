"""Object code on disk: found by a digest of all that it depends on, read only if nobody else can have written it.

Object code that is loaded can do all that its user can, so the question is who may have written a file. Files are taken
only from a directory that belongs to the user and that nobody else may write to, opened without following links; each
has to be the user's own, a regular file, and to hold the digest of its contents under the name by which it was asked
for. That keeps out other users of the machine, files that were half written, moved, or damaged. It does not keep out
whoever acts as the user or as root: they could change the user's Python just as well. A directory that is copied from
elsewhere is trusted like a program from there. Disks that are full, slow to appear or not to be written to only cost
the time of compiling.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

__all__ = ["Store", "directory", "store"]

_VARIABLE = "CHAINRULE_CACHE"
_BYTES = 128 << 20  # on disk, about: what was not used for longest goes first
_BYTES_HERE = 16 << 20  # in this process
_WRITES = 32  # between two looks at how much there is
_FORGOTTEN = 3600  # seconds after which a file that was never finished is removed
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_RELATIVE = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def directory() -> Path | None:
    """Where object code is kept, by the platform's convention or ``CHAINRULE_CACHE``; None: it is not kept."""
    chosen = os.environ.get(_VARIABLE, "")
    if chosen.lower() in ("off", "0"):
        return None
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA", "")
            return Path(local) / "chainrule" / "native" if local else None
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "chainrule" / "native"
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        return (base if base.is_absolute() else Path.home() / ".cache") / "chainrule" / "native"
    except RuntimeError:  # there is no home
        return None


class Store:
    """Object code by name, in memory and in a directory.

    >>> kept = Store(None)
    >>> kept.write("ab", b"code")
    >>> kept.read("ab"), kept.read("cd")
    (b'code', None)
    """

    def __init__(self, place: Path | None, limit: int = _BYTES) -> None:
        self.place = place
        self.limit = limit
        self._here: dict[str, bytes] = {}
        self._bytes_here = 0
        self._lock = threading.Lock()  # of several threads that remember, one at a time
        self._writes = 0

    def read(self, name: str) -> bytes | None:
        """The code of a name, if it is there and as it was written."""
        code = self._here.get(name)
        if code is None and self.place is not None:
            with suppress(OSError), _opened(self.place) as at:
                code = _checked(name, _contents(at, name))
            if code is not None:
                self._remember(name, code)
        return code

    def write(self, name: str, code: bytes) -> None:
        """Keep code; on disk if that can be done."""
        self._remember(name, code)
        if self.place is None:
            return
        with suppress(OSError):
            self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _opened(self.place) as at:
                if self._writes % _WRITES == 0:
                    _thin_out(at, self.limit)
                self._writes += 1
                _write(at, name, _digest(name, code) + code)

    def _remember(self, name: str, code: bytes) -> None:
        with self._lock:
            self._bytes_here += len(code) - len(self._here.get(name, b""))
            self._here[name] = code
            while self._bytes_here > _BYTES_HERE and len(self._here) > 1:
                self._bytes_here -= len(self._here.pop(next(iter(self._here))))


_stores: dict[Path | None, Store] = {}


def store() -> Store:
    """What is kept by this process, for the directory that is chosen now."""
    place = directory()
    found = _stores.get(place)
    if found is None:
        found = _stores[place] = Store(place)
    return found


class _At:
    """An open directory: how files in it are named to the system."""

    def __init__(self, place: Path, descriptor: int | None) -> None:
        self.place = place
        self.descriptor = descriptor

    def name(self, name: str) -> Any:
        return name if self.descriptor is not None else self.place / name

    def open(self, name: str, flags: int) -> int:
        return os.open(self.name(name), flags | _NO_LINKS, 0o600, dir_fd=self.descriptor)

    def remove(self, name: str) -> None:
        os.unlink(self.name(name), dir_fd=self.descriptor)

    def files(self) -> list[tuple[float, int, str]]:
        """When each was last used, its size, its name."""
        found = []
        with os.scandir(self.place if self.descriptor is None else self.descriptor) as entries:
            for entry in entries:
                with suppress(OSError):  # another process has removed it
                    about = entry.stat(follow_symlinks=False)
                    found.append((about.st_mtime, about.st_size, entry.name))
        return found


@contextmanager
def _opened(place: Path) -> Iterator[_At]:
    """A directory that is the user's alone to write to; OSError if it is not."""
    if not _RELATIVE:
        yield _At(place, None)
        return
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | _NO_LINKS)
    try:
        _require_own(os.fstat(descriptor), stat.S_ISDIR)
        yield _At(place, descriptor)
    finally:
        os.close(descriptor)


def _require_own(about: os.stat_result, kind: Any) -> None:
    if not kind(about.st_mode):
        raise OSError("another kind of file")
    if _RELATIVE and (about.st_uid != os.geteuid() or about.st_mode & _OTHERS):
        raise PermissionError("somebody else may have written this")


def _contents(at: _At, name: str) -> bytes:
    with os.fdopen(at.open(f"{name}.o", os.O_RDONLY), "rb") as file:
        _require_own(os.fstat(file.fileno()), stat.S_ISREG)
        contents = file.read()
        if os.utime in os.supports_fd:  # it was used: it is not the oldest
            with suppress(OSError):
                os.utime(file.fileno())
    return contents


def _digest(name: str, code: bytes) -> bytes:
    return blake2b(code, digest_size=32, key=name.encode()[:64]).digest()


def _checked(name: str, contents: bytes) -> bytes | None:
    digest, code = contents[:32], contents[32:]
    return code if secrets.compare_digest(digest, _digest(name, code)) else None


def _write(at: _At, name: str, contents: bytes) -> None:
    """A file that is there as a whole or not at all, whoever else writes it now."""
    unfinished = f"{secrets.token_hex(8)}.part"
    descriptor = at.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(contents)
        os.replace(at.name(unfinished), at.name(f"{name}.o"), src_dir_fd=at.descriptor, dst_dir_fd=at.descriptor)
    except OSError:
        with suppress(OSError):
            at.remove(unfinished)
        raise


def _thin_out(at: _At, limit: int) -> None:
    """Remove what was not used for longest until a quarter of the room is free, and what was never finished."""
    files = sorted(at.files())
    now = time.time()
    total = sum([size for _, size, name in files if name.endswith(".o")])
    enough = total if total <= limit else limit * 3 // 4
    for used, size, name in files:
        is_forgotten = name.endswith(".part") and used < now - _FORGOTTEN
        if is_forgotten or (name.endswith(".o") and total > enough):
            with suppress(OSError):
                at.remove(name)
            total -= 0 if is_forgotten else size
