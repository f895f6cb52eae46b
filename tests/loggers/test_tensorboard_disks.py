"""TensorBoard where a disk is full, a device odd or a file gone: told before training, or training goes on."""

import errno
import io
import os
from pathlib import Path

import pytest
from board_fits import file_of, fit, make
from event_reader import Events

import nncore as nc
from nncore.loggers import _event_file


class FullDisk(io.BytesIO):
    def write(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_full(path, mode):
    """Takes a half of what it is given."""

    class Half(io.FileIO):
        def write(self, data):
            super().write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return Half(path, mode)


def test_a_full_disk_at_the_begin_is_told_before_training(tmp_path, monkeypatch):
    for allowed in (0, 1):  # not even the head; the head alone
        calls = []

        def filling(path, mode, calls=calls, allowed=allowed):
            calls.extend([1] * ("x" not in mode))
            return FullDisk() if len(calls) > allowed else open(path, mode)

        trainer, X, y = make()
        with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left") as caught:
            patched.setattr(_event_file, "open", filling, raising=False)
            trainer.fit(X, y, callbacks=[nc.TensorBoard(tmp_path / "runs")])
        assert caught.value.errno == errno.ENOSPC and "[TensorBoard] logdir" in str(caught.value)
        assert trainer.epoch == 0 and not list((tmp_path / "runs").iterdir())
    fit(nc.TensorBoard(tmp_path / "runs"))  # when there is room again


def test_a_disk_that_fills_up_ends_the_writing_alone(tmp_path, monkeypatch):
    board, (plain, X, y) = nc.TensorBoard(tmp_path, every=2), make()
    plain.fit(X, y, 4)
    trainer, *_ = make()
    trainer.fit(X, y, 2, callbacks=[board])
    whole = Path(file_of(board)).read_bytes()
    told = pytest.warns(RuntimeWarning, match=r"\[TensorBoard\] .*No space left.*goes on")
    with monkeypatch.context() as patched, told as warned:
        patched.setattr(_event_file, "open", half_full, raising=False)
        history = trainer.fit(X, y, 2, callbacks=[board])
    assert len(warned) == 1 and len(history["loss"]) == 2
    assert Path(file_of(board)).read_bytes() == whole  # no half of a record
    assert trainer.model.flat_parameters.tobytes() == plain.model.flat_parameters.tobytes()
    trainer.fit(X, y, 1, callbacks=[board])  # there is room again
    assert [step for step, _ in Events(file_of(board)).scalars["epoch/loss"]] == [4, 8, 20]


def test_a_file_that_is_gone_does_not_come_back_without_its_head(tmp_path):
    board = nc.TensorBoard(tmp_path)
    trainer, X, y = make()
    trainer.fit(X, y, 1, callbacks=[board])
    os.unlink(file_of(board))
    with pytest.warns(RuntimeWarning, match="nothing more is written"):
        trainer.fit(X, y, 2, callbacks=[board])
    assert os.listdir(board.folder) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
def test_a_full_device(tmp_path):
    board = nc.TensorBoard(tmp_path)
    trainer, X, y = make()
    trainer.fit(X, y, 1, callbacks=[board])
    path = file_of(board)
    os.unlink(path)
    os.symlink("/dev/full", path)
    with pytest.warns(RuntimeWarning, match="No space left"):
        assert len(trainer.fit(X, y, 2, callbacks=[board])["loss"]) == 2
