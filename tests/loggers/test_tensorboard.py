"""TensorBoard: files that an independent reader and TensorBoard's own understand, with a Monitor's numbers."""

import io
from pathlib import Path

import numpy as np
import pytest
from board_fits import file_of, fit, make
from event_reader import Events, crc32c, fields, real

import nncore as nc
from nncore.loggers import _event_file
from nncore.loggers._tags import Tags
from nncore.loggers._tensorboard import settings_of
from nncore.train._observation import STATISTICS, Observation

ONE_TO_FOUR = {"min": 1.0, "max": 4.0, "mean": 2.5, "std": 1.25**0.5, "norm": 30**0.5}  # of 1, 2, 3, 4
NAN = float("nan")


def observation_of(names, rows, *, step=0, counts=None):
    """An observation made by hand; the numbers that a row leaves out are NaN."""
    statistics = np.array([[row.get(key, NAN) for key in STATISTICS] for row in rows])
    counts = None if counts is None else np.array(counts)
    raw = {"step": step, "epoch": 1, "loss": 0.5, "grad_norm": 2.0, "names": names}
    return Observation(raw | {"statistics": statistics, "counts": counts})


@pytest.mark.parametrize(
    ("data", "crc"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (b"", 0)],  # RFC 3720, B.4
)
def test_checksums_of_the_standard(data, crc):
    assert _event_file.crc32c(data) == crc == crc32c(data)


@pytest.mark.parametrize("length", [1, 3, 255, 256, 257, 511, 512, 1025])
def test_checksums_of_any_length(length, rng):
    data = rng.bytes(length)
    assert _event_file.crc32c(data) == crc32c(data)


def test_an_observation_made_by_hand(tmp_path):
    board = nc.TensorBoard(tmp_path)
    trainer, *_ = make()
    board.on_fit_begin(trainer)
    rows = [ONE_TO_FOUR | {"zeros": 0.0, "nonfinite": 0.0, "update_ratio": 1e-3}, {"zeros": 0.0, "nonfinite": 1.0}]
    board.on_observation(observation_of(["0.weight", "1.output.grad"], rows, step=7, counts=[[2, 1, 1], [0, 0, 0]]))
    events = Events(file_of(board))
    assert events.scalars["step/loss"] == [(7, 0.5)]
    assert events.scalars["step/grad_norm"] == [(7, 2.0)]
    assert events.scalars["step/lr"] == [(7, np.float32(0.1))]
    for key in ("min", "max", "mean", "std", "norm", "zeros", "nonfinite", "update_ratio"):
        assert events.scalars[f"layer0_Linear/weight/{key}"] == [(7, np.float32(rows[0][key]))]
    assert "layer0_Linear/weight/dead" not in events.scalars  # a weight is not
    ((_, shown),) = events.histograms["layer0_Linear/weight"]
    assert (shown["min"], shown["max"], shown["num"]) == (1.0, 4.0, 4.0)
    assert shown["sum"] == pytest.approx(10) and shown["sum_squares"] == pytest.approx(30)
    assert (shown["limits"], shown["counts"]) == ([2.0, 3.0, 4.0], [2.0, 1.0, 1.0])
    broken = {tag: points for tag, points in events.scalars.items() if tag.startswith("layer1_ReLU/")}
    assert broken == {
        "layer1_ReLU/activation_gradient/zeros": [(7, 0.0)],
        "layer1_ReLU/activation_gradient/nonfinite": [(7, 1.0)],
    }
    assert list(events.histograms) == ["layer0_Linear/weight"]


def test_numbers_beyond_single_precision_are_infinite_and_a_lost_loss_is_nan(tmp_path):
    board = nc.TensorBoard(tmp_path, histograms=False)
    trainer, *_ = make()
    board.on_fit_begin(trainer)
    observation = observation_of(["0.weight"], [{"max": 1e300}])
    observation.loss = NAN
    board.on_observation(observation)
    events = Events(file_of(board))
    assert events.scalars["layer0_Linear/weight/max"] == [(0, np.inf)]
    assert np.isnan(events.scalars["step/loss"][0][1])


def test_a_fit_gives_the_numbers_of_a_monitor(tmp_path):
    trainer, X, y = make()
    monitor, board = nc.Monitor(every=3, bins=8), nc.TensorBoard(tmp_path, every=3, bins=8)
    history = trainer.fit(X, y, 2, validation_data=(X, y), callbacks=[monitor, board])
    events = Events(file_of(board))
    steps = monitor.steps.tolist()
    assert steps == [0, 3, 6]
    assert events.scalars["step/loss"] == list(zip(steps, np.float32(monitor.loss), strict=True))
    assert events.scalars["step/grad_norm"] == list(zip(steps, np.float32(monitor.grad_norm), strict=True))
    tags = Tags(trainer.model)
    for name in monitor:
        of = monitor[name]
        for key in STATISTICS:
            wanted = [] if np.isnan(of[key]).all() else list(zip(steps, np.float32(of[key]), strict=True))
            assert events.scalars[f"{tags[name]}/{key}"] == wanted
        shown = events.histograms[tags[name]]
        assert [step for step, _ in shown] == steps
        np.testing.assert_array_equal([row["counts"] for _, row in shown], of["histogram"])
        np.testing.assert_allclose([row["limits"] for _, row in shown], of["edges"][:, 1:])
    for key in history.epochs:
        assert events.scalars[f"epoch/{key}"] == list(zip([4, 8], np.float32(history[key]), strict=True))


def test_kinds_of_tensors_have_their_tags():
    layers = {"conv": nc.Conv2d(1, 2, 3), "act": nc.Tanh(), "pool": nc.MaxPool2d(2), "drop": nc.Dropout(0.5)}
    tags = Tags(nc.Sequential(layers, seed=0))
    wanted = {
        "conv.weight": "conv/weight",
        "conv.bias.grad": "conv/bias_gradient",
        "conv.output": "conv/net_input",
        "act.output": "act/activation",
        "pool.output.grad": "pool/pooled_activation_gradient",
        "drop.output": "drop/output",
    }
    assert {name: tags[name] for name in wanted} == wanted


def test_odd_names_stay_apart_and_readable():
    names = ["a/b", "a_b", "a b", "step", "epoch", "Schicht-β", "層", "x\ny", "_hparams_", "a_b_2"]
    net = nc.Sequential({name: nc.Linear(2, 2) for name in names}, seed=0)
    tags = Tags(net)
    found = [tags[f"{name}.weight"] for name in names] + [tags[f"{name}.weight.grad"] for name in names]
    assert len(set(found)) == 2 * len(names)
    assert all(tag.count("/") == 1 for tag in found)
    assert not {"step", "epoch", "_hparams_"} & {tag.partition("/")[0] for tag in found}
    assert tags["Schicht-β.weight"] == "Schicht-β/weight" and tags["a/b.weight"] == "a_b/weight"
    assert tags["a/b.weight"] == found[0]  # the same when asked again
    assert tags.epoch("<lambda>") == "epoch/_lambda_"


def test_writing_changes_no_bit(tmp_path):
    plain, X, y = make()
    plain.fit(X, y, 3)
    observed, _ = fit(nc.TensorBoard(tmp_path, every=2), 3)
    assert observed.model.flat_parameters.tobytes() == plain.model.flat_parameters.tobytes()


@pytest.mark.parametrize("rate", [nc.LinearWarmup(0.3, 4), nc.ExponentialLR(0.3, 0.5)])
def test_the_rate_is_that_of_the_step_observed(rate, tmp_path):
    board = nc.TensorBoard(tmp_path, every=3)
    _, history = fit(board, 2, optimizer=nc.SGD(lr=rate))
    rates = history.steps["lr"]
    assert rates[0] != rates[6]
    assert Events(file_of(board)).scalars["step/lr"] == [(step, np.float32(rates[step])) for step in (0, 3, 6)]


def test_runs_have_folders_of_their_own(tmp_path):
    first, second = nc.TensorBoard(tmp_path), nc.TensorBoard(tmp_path)
    fit(first)
    fit(second)
    (tmp_path / "run-9").mkdir()
    fit(second)  # another trainer
    assert first.folder == str(tmp_path / "run-1") and second.folder == str(tmp_path / "run-10")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-1", "run-10", "run-2", "run-9"]
    assert all(len(list(path.iterdir())) == 1 for path in tmp_path.iterdir() if path.name != "run-9")


def test_a_fit_that_goes_on_goes_on_in_its_file(tmp_path):
    board = nc.TensorBoard(tmp_path, every=4, run="A/seed 0")
    trainer, X, y = make()
    trainer.fit(X, y, 1, callbacks=[board])
    trainer.fit(X, y, 2, callbacks=[board])
    events = Events(file_of(board))
    assert [step for step, _ in events.scalars["epoch/loss"]] == [4, 8, 12]
    assert [step for step, _ in events.scalars["step/loss"]] == [0, 4, 8]
    assert events.times == sorted(events.times)
    assert board.folder == str(tmp_path / "A" / "seed 0")


def test_a_second_run_of_one_name_is_refused_before_training(tmp_path):
    board = nc.TensorBoard(tmp_path, run="A")
    fit(board)
    content = Path(file_of(board)).read_bytes()
    for again in (board, nc.TensorBoard(tmp_path, run="A")):
        trainer, X, y = make()
        with pytest.raises(
            nc.ConfigError, match=r"\[TensorBoard\] run: .*another run \(give it another name, or delete"
        ):
            trainer.fit(X, y, callbacks=[again])
        assert trainer.epoch == 0
    assert Path(file_of(board)).read_bytes() == content


@pytest.mark.parametrize(
    "options",
    [{"every": 0}, {"every": 1.5}, {"bins": 0}, {"bins": 4097}, {"histograms": 1}]
    + [{"run": run} for run in ("", " ", "..", "a/../b", "/tmp", "a//b", "a\0", 3)]
    + [{"logdir": logdir} for logdir in ("", "a\0b", 3, None)],
)
def test_wrong_arguments(options):
    with pytest.raises(nc.ConfigError, match=rf"\[TensorBoard\] {next(iter(options))}: expected"):
        nc.TensorBoard(**{"logdir": "runs"} | options)


def test_a_folder_that_cannot_be_made_is_told_before_training(tmp_path):
    (tmp_path / "file").write_text("mine")
    for logdir in (tmp_path / "file", tmp_path / "file" / "runs"):
        trainer, X, y = make()
        with pytest.raises(
            OSError, match=r"\[TensorBoard\] logdir: expected a folder that can be written to, got '.*file"
        ):
            trainer.fit(X, y, callbacks=[nc.TensorBoard(logdir)])
        assert trainer.epoch == 0
    assert (tmp_path / "file").read_text() == "mine"


def test_layers_that_overflow_are_written(tmp_path):
    trainer, X, y = make(on_nonfinite="ignore")
    trainer.model.parameters()[0].value[...] = np.inf
    board = nc.TensorBoard(tmp_path)
    trainer.fit(X, y, 1, callbacks=[board])
    events = Events(file_of(board))
    assert events.scalars["layer0_Linear/weight/nonfinite"] == [(0, 1.0)]
    assert "layer0_Linear/weight" not in events.histograms and "layer0_Linear/weight/mean" not in events.scalars


def conv_net(seed=0):
    net = nc.Sequential(nc.Conv2d(1, 4, 3), nc.ReLU(), nc.Flatten(), nc.Linear(36, 2), seed=seed)
    weight = net.parameters()[0].value
    weight[...] = np.arange(36).reshape(weight.shape)
    return net


def test_filters_are_a_picture(tmp_path):
    board = nc.TensorBoard(tmp_path)
    rng = np.random.default_rng(0)
    trainer = nc.Trainer(conv_net(), nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=8)
    trainer.fit(rng.normal(size=(16, 1, 5, 5)), rng.integers(0, 2, 16), 2, callbacks=[board])
    shown = Events(file_of(board)).images
    assert list(shown) == ["layer0_Conv2d/filters"]
    assert [step for step, *_ in shown["layer0_Conv2d/filters"]] == [0, 2, 4]
    _, height, width, content = shown["layer0_Conv2d/filters"][0]
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pixels = np.rint(255 * pyplot.imread(io.BytesIO(content))).astype(int)
    assert pixels.shape == (height, width, 3) and height == width >= 100
    assert pixels[0, 0].tolist() == [0, 0, 0] and pixels[-1, -1].tolist() == [255, 255, 255]
    middle = pixels[height // 2 // 3, height // 2 // 3]  # of the first of 2 x 2 filters: about weight 4 of 0 … 35
    assert middle.tolist() == [round(255 * 4 / 35)] * 3


def test_settings_and_the_text_of_the_model(tmp_path):
    board = nc.TensorBoard(tmp_path)
    trainer, X, y = make(optimizer=nc.SGD(lr=0.25, momentum=0.5), seed=0, l2=0.125)
    trainer.fit(X, y, 2, callbacks=[board], validation_data=(X, y))
    events = Events(file_of(board))
    session = fields(events.contents["_hparams_/session_start_info"][3][0])
    found = {pair[1][0].decode(): fields(pair[2][0]) for pair in map(fields, session[1])}
    numbers = {name: real(value[2][0]) for name, value in found.items() if value[2]}
    texts = {name: value[3][0].decode() for name, value in found.items() if value[3]}
    assert (numbers["lr"], numbers["momentum"], numbers["l2"], numbers["batch_size"]) == (0.25, 0.5, 0.125, 10)
    assert numbers["parameters"] == 3 * 4 + 4 + 4 * 2 + 2
    assert (
        texts["layers"] == "Linear-ReLU-Linear"
        and texts["loss"] == "CrossEntropyLoss()"
        and texts["schedule"] == "none"
    )
    assert texts["weight_init"] == "default"
    columns = fields(events.contents["_hparams_/experiment"][2][0])
    assert {fields(column)[1][0].decode() for column in columns[4]} == set(found)
    first = [fields(column)[1][0].decode() for column in columns[4] if fields(column)[7] == [1]]
    assert sorted(first) == ["batch_size", "layers", "lr", "optimizer", "weight_init"]  # what the table shows of many
    metrics = [fields(fields(column)[1][0])[2][0].decode() for column in columns[5]]
    assert metrics == ["epoch/val_accuracy", "epoch/val_loss", "epoch/accuracy", "epoch/loss"]
    text = events.texts["model"]
    for part in (
        "Linear(in_features=3",
        "0.weight: (4, 3)",
        "batch_size=10",
        nc.__version__,
        "SGD(lr=0.25, momentum=0.5)",
    ):
        assert part in text


def test_the_schedule_is_among_the_settings():
    trainer, *_ = make(optimizer=nc.SGD(lr=nc.StepLR(0.25, 3)))
    assert settings_of(trainer)["schedule"] == "StepLR"


def test_tensorboards_own_reader_agrees(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata
    from tensorboard.util.tensor_util import make_ndarray

    board = nc.TensorBoard(tmp_path, every=3)
    rng = np.random.default_rng(0)
    trainer = nc.Trainer(conv_net(), nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=8)
    trainer.fit(rng.normal(size=(32, 1, 5, 5)), rng.integers(0, 2, 32), 2, callbacks=[board])
    ours = Events(file_of(board))
    theirs = EventAccumulator(
        board.folder, size_guidance={kind: 0 for kind in ("scalars", "histograms", "images", "tensors")}
    )
    theirs.Reload()
    tags = theirs.Tags()
    assert set(tags["scalars"]) == set(ours.scalars) and set(tags["histograms"]) == set(ours.histograms)
    for tag, points in ours.scalars.items():
        np.testing.assert_array_equal([(event.step, event.value) for event in theirs.Scalars(tag)], points)
    for tag, points in ours.histograms.items():
        read = [(event.step, event.histogram_value) for event in theirs.Histograms(tag)]
        assert [
            (step, of.min, of.max, of.num, of.sum, of.sum_squares, of.bucket_limit, of.bucket) for step, of in read
        ] == [(step, *row.values()) for step, row in points]
    (tag,) = tags["images"]
    read = [(event.step, event.height, event.width, event.encoded_image_string) for event in theirs.Images(tag)]
    assert read == ours.images[tag]
    assert make_ndarray(theirs.Tensors("model")[0].tensor_proto).item().decode() == ours.texts["model"]
    content = theirs.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    settings = metadata.parse_session_start_info_plugin_data(content).hparams
    assert settings["lr"].number_value == 0.1 and settings["layers"].string_value == "Conv2d-ReLU-Flatten-Linear"
    assert settings["augment"].HasField("bool_value") and not settings["augment"].bool_value
    content = theirs.SummaryMetadata(metadata.EXPERIMENT_TAG).plugin_data.content
    found = metadata.parse_experiment_plugin_data(content)
    kinds = {"string_value": 1, "bool_value": 2, "number_value": 3}
    wanted = {name: kinds[value.WhichOneof("kind")] for name, value in settings.items()}
    assert {column.name: column.type for column in found.hparam_infos} == wanted
    assert {column.name.tag for column in found.metric_infos} == {"epoch/loss", "epoch/accuracy"}
