"""Writers and the disk: full, read-only, failing, in the way: an error, the old file as it was, nothing else left."""

import errno
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.programs import command, environment, run_program

pytest.importorskip("safetensors")


def net(seed=0):
    return nc.Sequential(nc.Linear(20, 50), nc.Tanh(), nc.Linear(50, 2), seed=seed)


def trainer(seed=0):
    made = nc.Trainer(net(seed), nc.CrossEntropyLoss(), nc.Adam())
    made.fit(np.ones((8, 20)), np.arange(8) % 2, epochs=1 + seed)
    return made


WRITERS = {
    "model": (lambda seed, path: net(seed).save(path), lambda path: nc.load(path).seed),
    "checkpoint": (lambda seed, path: trainer(seed).save(path), lambda path: nc.Trainer.resume(path).model.seed),
    "table": (
        lambda seed, path: trainer(seed).history.to_csv(path),
        lambda path: len(path.read_text().splitlines()) - 2,
    ),
}
each_writer = pytest.mark.parametrize(("write", "read"), WRITERS.values(), ids=WRITERS.keys())


@pytest.fixture
def path(tmp_path):
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder" / "file"


def assert_refused(write, path, error, old):
    """With and without an old file in the way."""
    with pytest.raises(error):
        write(1, path)
    assert [p.name for p in path.parent.iterdir()] == (["file"] if old is not None else [])
    assert old is None or path.read_bytes() == old


@each_writer
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_at_the_end(write, read, call, path, monkeypatch):
    def fail(*args):
        raise OSError(errno.EIO, "Input/output error")

    for old in (None, b"old"):
        if old:
            path.write_bytes(old)
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            assert_refused(write, path, OSError, old)
    write(0, path)
    assert read(path) == 0


@each_writer
def test_an_interrupt_while_writing(write, read, path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        assert_refused(write, path, KeyboardInterrupt, b"old")


@each_writer
def test_the_folder_that_cannot_be_synced_does_not_matter(write, read, path, monkeypatch):
    monkeypatch.setattr(os, "open", lambda *args, **kwargs: (_ for _ in ()).throw(OSError(errno.EACCES, "denied")))
    write(0, path)
    monkeypatch.undo()
    assert read(path) == 0


@each_writer
def test_no_folder_a_file_as_folder_a_folder_or_a_device_in_the_way(write, read, path):
    with pytest.raises(FileNotFoundError, match=r"missing/file'$"):  # the name that was asked for
        write(0, path.parent / "missing" / "file")
    path.write_bytes(b"old")
    with pytest.raises(NotADirectoryError):
        write(0, path / "below")
    with pytest.raises(IsADirectoryError):
        write(0, path.parent)
    with pytest.raises(OSError, match="not a regular file"):
        write(0, "/dev/full")
    with pytest.raises(OSError, match=r"File name too long|too long"):
        write(0, path.parent / ("x" * 300))
    assert [p.name for p in path.parent.iterdir()] == ["file"] and path.read_bytes() == b"old"


PROGRAM = Path(__file__).parent / "programs" / "writers.py"


@pytest.mark.parametrize("room", [0, 1, 1000, 60_000])
def test_a_disk_that_is_full(room, path):
    """The limit on the size of a file stands for the end of the disk: both fail in write."""
    net(3).save(path)
    old = path.read_bytes()
    run_program(PROGRAM, "with_room", path, room, timeout=60)
    assert [p.name for p in path.parent.iterdir()] == ["file"] and path.read_bytes() == old
    assert nc.load(path).seed == 3


def test_a_folder_that_may_not_be_written_to():
    folder = Path(tempfile.mkdtemp())  # not tmp_path: others may not even look into that
    try:
        net(3).save(folder / "file")
        old = (folder / "file").read_bytes()
        folder.chmod(0o555)
        run_program(PROGRAM, "without_rights", folder / "file", timeout=60)
        assert [p.name for p in folder.iterdir()] == ["file"] and (folder / "file").read_bytes() == old
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_process_that_is_killed_while_it_saves_leaves_the_old_or_the_new_file(path):
    """Killed from inside at every call that touches the disk."""
    net(3).save(path)
    for call in ("fsync", "replace"):
        done = subprocess.run(command(PROGRAM, "killed_in", path, call), env=environment(), timeout=60, check=False)
        assert done.returncode == -signal.SIGKILL
        assert nc.load(path).seed == 3
    run_program(PROGRAM, "saved", path, timeout=60)
    assert nc.load(path).seed == 9


@each_writer
def test_the_file_has_the_rights_that_new_files_have(write, read, path):
    before = os.umask(0o027)
    try:
        write(0, path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o600)
    write(1, path)
    assert read(path) == 1 and path.stat().st_mode & 0o777 == 0o600, "and a file that was there keeps its own"


def test_there_is_one_way_to_replace_a_file():
    """Every writer of the package goes through nncore._support.files, so all of the above holds for each."""
    package = Path(nc.__file__).parent
    own = [path.name for path in package.rglob("*.py") if "os.replace(" in path.read_text(encoding="utf-8")]
    assert own == ["files.py"]
