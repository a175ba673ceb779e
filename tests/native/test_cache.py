"""Object code on disk: found again by another process, and never believed if somebody else may have written it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.native import cache, libraries, machine
from chainrule.native.cache import Store
from tests.at_once import at_once

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="files have owners and modes of another kind")


def files(place: Path, ending: str = ".o") -> list[Path]:
    return sorted(place.glob(f"*{ending}"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of its own to keep code in, chosen for this process."""
    chosen = tmp_path / "kept"
    monkeypatch.setenv("CHAINRULE_CACHE", str(chosen))
    monkeypatch.setattr(cache, "_stores", {})
    return chosen


def test_what_was_written_is_read(tmp_path: Path) -> None:
    Store(tmp_path / "a" / "b").write("one", b"code")
    assert Store(tmp_path / "a" / "b").read("one") == b"code"
    assert Store(tmp_path / "a" / "b").read("two") is None
    assert Store(tmp_path / "c").read("one") is None


def test_the_directory_and_its_files_are_the_users_alone(tmp_path: Path) -> None:
    Store(tmp_path / "kept").write("one", b"code")
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    assert files(tmp_path / "kept")[0].stat().st_mode & 0o077 == 0


DAMAGES: dict[str, Any] = {
    "shorter": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "another byte": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"X"),
    "another digest": lambda path: path.write_bytes(b"X" + path.read_bytes()[1:]),
    "moved": lambda path: path.with_name("two.o").replace(path),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_not_as_it_was_written(damage: str, tmp_path: Path) -> None:
    Store(tmp_path / "kept").write("two", b"other code")
    Store(tmp_path / "kept").write("one", b"code")
    DAMAGES[damage](tmp_path / "kept" / "one.o")
    assert Store(tmp_path / "kept").read("one") is None


@POSIX
def test_a_file_that_others_may_write(tmp_path: Path) -> None:
    Store(tmp_path / "kept").write("one", b"code")
    (tmp_path / "kept" / "one.o").chmod(0o620)
    assert Store(tmp_path / "kept").read("one") is None


@POSIX
def test_a_directory_that_others_may_write_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path / "kept").write("one", b"code")
    (tmp_path / "kept").chmod(0o777)
    assert Store(tmp_path / "kept").read("one") is None
    Store(tmp_path / "kept").write("two", b"code")
    assert [path.name for path in files(tmp_path / "kept")] == ["one.o"]


@POSIX
def test_the_files_and_the_directory_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path / "kept").write("one", b"code")
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert Store(tmp_path / "kept").read("one") is None


@POSIX
def test_links_are_not_followed(tmp_path: Path) -> None:
    Store(tmp_path / "kept").write("one", b"code")
    (tmp_path / "kept" / "one.o").rename(tmp_path / "one.o")
    (tmp_path / "kept" / "one.o").symlink_to(tmp_path / "one.o")
    assert Store(tmp_path / "kept").read("one") is None
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    Store(tmp_path / "link").write("two", b"code")
    assert not (tmp_path / "kept" / "two.o").exists()


def test_a_disk_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "kept")
    store.write("one", b"code")
    assert store.read("one") == b"code"  # in this process

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    Store(tmp_path / "kept").write("one", b"code")
    assert list((tmp_path / "kept").iterdir()) == []


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    for number in range(10):
        store.write(f"{number}", bytes(1000))
        os.utime(tmp_path / f"{number}.o", (1e9 + number, 1e9 + number))
    assert Store(tmp_path).read("0") is not None  # which makes it the newest
    (tmp_path / "gone.part").write_bytes(b"")
    os.utime(tmp_path / "gone.part", (1e9, 1e9))
    (tmp_path / "now.part").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(bytes(5000))
    Store(tmp_path, limit=6000).write("new", b"code")
    assert [path.name for path in files(tmp_path)] == ["0.o", "7.o", "8.o", "9.o", "new.o"]
    assert [path.name for path in files(tmp_path, ".part")] == ["now.part"]
    assert (tmp_path / "notes.txt").exists()


def test_a_process_does_not_keep_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_BYTES_HERE", 250)
    store = Store(None)
    for number in range(4):
        store.write(f"{number}", bytes(100))
    assert [store.read(f"{number}") is not None for number in range(4)] == [False, False, True, True]


def test_many_write_at_once(tmp_path: Path) -> None:
    code = bytes(range(256)) * 400

    def turn(number: int) -> bytes | None:
        Store(tmp_path).write("one", code)
        return Store(tmp_path).read("one")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(turn, range(200))) == {code}
    assert [path.name for path in tmp_path.iterdir()] == ["one.o"]


# --- where it is ---


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "/h/.cache/chainrule/native"),
        ("linux", {"XDG_CACHE_HOME": "/c"}, "/c/chainrule/native"),
        ("linux", {"XDG_CACHE_HOME": "c"}, "/h/.cache/chainrule/native"),
        ("darwin", {"XDG_CACHE_HOME": "/c"}, "/h/Library/Caches/chainrule/native"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/chainrule/native"),
        ("win32", {}, None),
        ("linux", {"CHAINRULE_CACHE": "/k"}, "/k"),
        ("linux", {"CHAINRULE_CACHE": "~/k"}, "/h/k"),
        ("linux", {"CHAINRULE_CACHE": "off"}, None),
        ("linux", {"CHAINRULE_CACHE": "0"}, None),
    ],
)
def test_the_directory(
    platform: str, variables: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CHAINRULE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/h", "USERPROFILE": "/h", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache.directory() == (None if expected is None else Path(expected))


# --- compiling ---


def test_equal_code_is_compiled_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def f(a: Any) -> Any:
        return np.sin(a) * 2

    expected = cr.compile(f)(np.ones(3)).tolist()
    assert len(files(place)) == 1
    monkeypatch.setattr(machine, "_optimised", None)  # nothing is compiled from here on
    assert cr.compile(f)(np.ones(3)).tolist() == expected
    monkeypatch.setattr(cache, "_stores", {})  # as in another process
    assert cr.compile(f)(np.ones(3)).tolist() == expected
    with pytest.raises(TypeError):
        cr.compile(f)(np.ones(4))


def test_other_circumstances_are_other_code(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for circumstances in (b"a", b"b", b"a"):
        monkeypatch.setattr(machine, "_circumstances", lambda found=circumstances: found)
        assert cr.compile(lambda a: a * 2)(np.ones(2)).tolist() == [2.0, 2.0]
    assert len(files(place)) == 2


def test_circumstances_are_the_machine_and_the_versions() -> None:
    found = machine._circumstances().decode()
    for part in (np.__version__, sys.version, libraries.llvm.get_host_cpu_name(), "_SPEED = "):
        assert part in found


def test_damaged_code_is_compiled_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        monkeypatch.setattr(cache, "_stores", {})
        assert cr.compile(lambda a: a * 2)(np.ones(2)).tolist() == [2.0, 2.0]
        (path,) = files(place)
        whole = path.read_bytes()
        path.write_bytes(whole[:100])
    monkeypatch.setattr(cache, "_stores", {})
    assert cr.compile(lambda a: a * 2)(np.ones(2)).tolist() == [2.0, 2.0]
    assert path.read_bytes() == whole


def test_another_process_finds_it(place: Path) -> None:
    program = """
import sys, numpy as np, chainrule as cr
from chainrule.native import machine
if sys.argv[1] == "found":
    machine._optimised = None
f = cr.compile(cr.value_and_grad(lambda a: np.sum(np.sin(a) * np.cos(a))))
value, gradient = f(np.zeros(3))
print(float(value), gradient.tolist(), f.recordings)
"""
    for turn in ("new", "found"):
        done = subprocess.run([sys.executable, "-c", program, turn], capture_output=True, text=True, check=False)
        assert done.stdout == "0.0 [1.0, 1.0, 1.0] ['machine code']\n", done.stderr


def test_tests_keep_nothing() -> None:
    assert cache.directory() is None


def test_threads_remember_at_once() -> None:
    kept, problems = Store(None), list[BaseException]()
    before = sys.getswitchinterval()

    def work(seed: int) -> None:
        try:
            for turn in range(300):
                kept.write(f"{seed} {turn}", b"code")
        except BaseException as problem:
            problems.append(problem)

    sys.setswitchinterval(1e-6)
    try:
        at_once(8, work)
    finally:
        sys.setswitchinterval(before)
    assert not problems
    assert all(kept.read(f"{seed} {turn}") == b"code" for seed in range(8) for turn in range(300))


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_BYTES_HERE", 25)
    kept = Store(None)
    for name, code in [("a", b"a" * 10), ("b", b"b" * 10), ("a", b"c" * 5), ("c", b"c" * 10), ("d", b"d" * 10)]:
        kept.write(name, code)
    assert [kept.read(name) for name in "abcd"] == [None, None, b"c" * 10, b"d" * 10]
    kept.write("e", b"e" * 99)  # the newest is there, however large it is
    assert [kept.read(name) for name in "cde"] == [None, None, b"e" * 99]
