"""history.report: one file with everything on it."""

import base64
import copy
import pickle
import re
import subprocess
import sys
from html.parser import HTMLParser

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import nncore as nc
from nncore.loggers import _captions, _report

matplotlib.use("Agg")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 2)), RNG.integers(0, 2, 60)
IMAGES, LABELS = RNG.normal(size=(30, 1, 6, 6)), RNG.integers(0, 3, 30)
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that tags are closed in order; collects texts, images and everything that points elsewhere."""

    def __init__(self, path):
        super().__init__()
        self.open, self.images, self.links, self.text = [], {}, [], ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            kind, _, content = given["src"].partition(",")
            assert kind == "data:image/png;base64"
            self.images[given["alt"]] = base64.b64decode(content)
        elif {"src", "href"} & set(given) or tag in ("script", "link", "iframe"):
            self.links.append((tag, given))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if self.open[-1:] != ["style"] else ""


def classifier(**options):
    net = nc.Sequential({"<b>": nc.Linear(2, 4), "act": nc.ReLU(), "out": nc.Linear(4, 2)}, seed=7)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=0.125), batch_size=10, **options)


def test_everything_is_on_it(tmp_path):
    monitor = nc.Monitor(every=3)
    stop = nc.EarlyStopping(patience=77)
    history = classifier(l2=0.0625).fit(X, Y, 3, validation_split=0.2, callbacks=[monitor, stop])
    assert history.report(tmp_path / "run.html", title="A & <i>B</i>") is None
    page = Page(tmp_path / "run.html")
    assert page.links == [] and "http" not in page.source.replace("http-equiv", "")
    assert set(page.images) == {
        "Loss", "Metric", "Activations", "Weights", "Gradients", "Updates", "Units that do not learn",
        "Confusion, held-out data", "Decision boundary, held-out data",
    }  # fmt: skip
    assert all(image.startswith(b"\x89PNG") for image in page.images.values())
    for text in ("A & <i>B</i>", "<b>: Linear", "22 parameters", "Adam(lr=0.125)", "0.0625", "patience=77",
                 nc.__version__,
                 "Monitor(every=3", "val_accuracy", np.__version__, "seed of the model7"):  # fmt: skip
        assert text in page.text, text
    assert plt.get_fignums() == []


def test_images_and_filters_of_a_convolution_without_a_monitor(tmp_path):
    net = nc.Sequential(nc.Conv2d(1, 2, 3), nc.ReLU(), nc.Flatten(), nc.Linear(32, 3), seed=0)
    history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(
        IMAGES, LABELS, 1, test_data=(IMAGES[:9], LABELS[:9])
    )
    history.report(tmp_path / "run.html")
    page = Page(tmp_path / "run.html")
    assert set(page.images) == {
        "Loss", "Metric", "Confusion, held-out data", "Gradients, held-out data", "Filters of the first convolution",
    }  # fmt: skip
    assert "(N, 2, 4, 4)" in page.text


def test_a_regression_has_no_confusion_and_other_data_can_be_given(tmp_path):
    net = nc.Sequential(nc.Linear(2, 1), seed=0)
    history = nc.Trainer(net, nc.MSELoss(), nc.SGD()).fit(X, X[:, :1], 2)
    history.report(tmp_path / "run.html")
    assert set(Page(tmp_path / "run.html").images) == {"Loss"}
    history.report(tmp_path / "run.html", data=(X, X[:, :1]))
    regression = {"Predictions, held-out data", "Residuals, held-out data"}
    assert set(Page(tmp_path / "run.html").images) == {"Loss", "Gradients, held-out data", *regression}
    with pytest.raises(nc.ConfigError, match=r"\[report\] data: expected a pair"):
        history.report(tmp_path / "no.html", data=X)
    assert not (tmp_path / "no.html").exists()


def test_what_cannot_be_drawn_is_said(tmp_path):
    trainer = classifier()
    history = trainer.fit(X, Y, 1)
    trainer.model.parameters()[0].value = np.full((4, 2), np.nan)
    history.report(tmp_path / "run.html", data=(X, Y))
    page = Page(tmp_path / "run.html")
    assert "Decision boundary, held-out data: [plot.decision_boundary] model: expected finite answers" in page.text
    assert "Confusion, held-out data: [plot.confusion_matrix] model: expected a label for each sample" in page.text


def test_copies_and_pickles_keep_the_numbers_alone(tmp_path):
    history = classifier().fit(X, Y, 2)
    for other in (pickle.loads(pickle.dumps(history)), copy.copy(history), copy.deepcopy(history), nc.History()):
        assert other._origin is None
        other.report(tmp_path / "run.html")
        page = Page(tmp_path / "run.html")
        assert "Only the numbers of this fit are known" in page.text and set(page.images) <= {"Loss", "Metric"}
    assert pickle.loads(pickle.dumps(history)).to_dict() == history.to_dict()
    assert history._origin is not None


def test_the_trainers_own_history(tmp_path):
    trainer = classifier()
    trainer.fit(X, Y, 1)
    trainer.fit(X, Y, 2)
    trainer.history.report(tmp_path / "run.html", data=(X, Y))
    page = Page(tmp_path / "run.html")
    assert "3 epochs" in page.text and "Confusion, held-out data" in page.images


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    history = classifier().fit(X, Y, 1)
    path = tmp_path / "no folder" / "run.html"
    with pytest.raises(FileNotFoundError) as caught:
        history.report(path)
    assert caught.value.filename == str(path)
    with pytest.raises(IsADirectoryError):
        history.report(tmp_path)
    for wrong in ("", None, 3, "a\0b", f"{tmp_path}/\ud800.html"):
        with pytest.raises(nc.ConfigError, match=r"\[report\] path: expected the path of a file"):
            history.report(wrong)
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_way_leaves_the_old_page(tmp_path, monkeypatch):
    path = tmp_path / "run.html"
    path.write_text("old")
    history = classifier().fit(X, Y, 1)

    def broken(*_):
        raise RuntimeError("disk of the mind full")

    monkeypatch.setattr(_report, "_settings", broken)
    with pytest.raises(RuntimeError, match="mind"):
        history.report(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_without_matplotlib_the_numbers_are_there(tmp_path):
    code = """
import sys
sys.modules["matplotlib"] = None
import numpy as np, nncore as nc
trainer = nc.Trainer(nc.Sequential(nc.Linear(2, 2), seed=0), nc.CrossEntropyLoss(), nc.SGD())
X = np.random.default_rng(0).normal(size=(20, 2))
trainer.fit(X, (X[:, 0] > 0).astype(int), 3, validation_split=0.2, callbacks=[nc.Monitor(every=1)]).report(sys.argv[1])
"""
    path = tmp_path / "run.html"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    page = Page(path)
    assert "pip install nncore[plot]" in page.text and page.images == {} and page.source.count("<polyline") >= 4


def test_odd_names_stand_on_the_page_as_they_are(tmp_path):
    net = nc.Sequential({"<script>x()</script>": nc.Linear(2, 4), "$\\frac{": nc.ReLU(), "&": nc.Linear(4, 2)}, seed=0)

    def metric(targets, outputs):
        return 1.0

    metric.__name__ = "<img src=x>$\\frac{$"
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD())
    monitor = nc.Monitor(every=1)
    history = trainer.fit(
        X, Y, 2, metrics=[metric], validation_split=0.5, callbacks=[monitor, nc.TensorBoard(tmp_path / "<b>")]
    )
    history.report(tmp_path / "run.html", title="<script>\ud800")
    page = Page(tmp_path / "run.html")
    assert page.links == [] and "<script" not in page.source and "<img src=x" not in page.source
    assert "<script>x()</script>: Linear" in page.text and "<img src=x>" in page.text and len(page.images) == 9
    assert "<script" not in monitor._repr_html_() + history._repr_html_()


@pytest.mark.parametrize("data", [([[1.0], [2.0, 3.0]], [0, 1]), (["a"], ["b"]), (object(), object()), (None, None)])
def test_data_that_are_no_numbers_are_refused_before_anything_is_written(data, tmp_path):
    history = classifier().fit(X, Y, 1)
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=r"\[report\] data: expected"):
        history.report(tmp_path / "run.html", data=data)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data", "shown"),
    [((X[:3], Y), False), ((X[:, :1], Y), False), ((X[:0], Y[:0]), False), ((X, ["a"] * 60), False),
     ((X, Y + 7), True), ((X, -1 - Y), True), ((X[:1], Y[:1]), True)],
)  # fmt: skip
def test_data_that_the_model_does_not_take_cost_their_pictures_alone(data, shown, tmp_path):
    history = classifier().fit(X, Y, 1, callbacks=[nc.Monitor(every=1)])
    history.report(tmp_path / "run.html", data=data)
    page = Page(tmp_path / "run.html")
    assert "Loss" in page.images and "Weights" in page.images and ("Confusion, held-out data" in page.images) is shown


@pytest.mark.parametrize("options", [{"epochs": 0}, {"steps": 0}, {"steps": 2}])
def test_a_fit_without_a_whole_epoch(options, tmp_path):
    history = classifier().fit(X, Y, callbacks=[nc.Monitor(every=1), nc.TensorBoard(tmp_path / "runs")], **options)
    history.report(tmp_path / "run.html")
    assert "0 epochs" in Page(tmp_path / "run.html").text
    classifier().history.report(tmp_path / "run.html")  # of a trainer that never trained
    assert "0 epochs, 0 steps" in Page(tmp_path / "run.html").text


def test_each_number_and_each_picture_has_its_line(tmp_path):
    monitor = nc.Monitor(every=3)
    history = classifier().fit(X, Y, 3, validation_split=0.2, test_data=(X, Y), callbacks=[monitor])
    history.report(tmp_path / "run.html")
    page = Page(tmp_path / "run.html")
    figures = re.findall(r"<figure>.*?</figure>", page.source, re.S)
    assert len(figures) == len(page.images) == 9
    lines = [re.search(r'<p class="note">(.{60,}?)</p></figure>', figure).group(1) for figure in figures]
    assert len(set(lines)) == 9 and all("sual" in line for line in lines)
    shown = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page.source))
    assert set(shown) == {"loss", "accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy", "lr"}
    assert min(map(len, shown.values())) > 40 and "ln C" in shown["loss"]
    for text in ("Dead: 0 for all 10 samples of the batch", "Usual is about 1e-3, the dotted line", "notebook 10"):
        assert text in page.text


def test_the_lines_fit_the_fit(tmp_path):
    history = nc.Trainer(nc.Sequential(nc.Linear(1, 2), seed=0), nc.MSELoss(), nc.SGD(), batch_size=None).fit(
        X[:, :1], X, 2, validation_split=0.5, metrics=["r2", "mae", lambda y, z: 1.0]
    )
    history.report(tmp_path / "run.html")
    page = Page(tmp_path / "run.html")
    assert "Fit over the input, held-out data" in page.images and "ln C" not in page.text
    assert "0 is as good as the mean of the targets" in page.text and "a metric of your own" in page.text


def test_every_metric_by_name_is_explained():
    from nncore.train import _metrics

    for name in _metrics._BUILT_IN:
        (_, text), (_, validation) = _captions.of_numbers([name, f"val_{name}"])
        assert "your own" not in text and "validation data" in validation, name


def test_names_of_classes_and_features_are_in_the_pictures(tmp_path, monkeypatch):
    seen = []
    for name in ("confusion_matrix", "decision_boundary"):
        monkeypatch.setattr(_report, name, lambda *args, name=name, **how: seen.append((name, how)) or drawn(*args))

    def drawn(*_):
        return nc.plot.images(np.eye(3)[None])

    history = classifier().fit(X, Y, 1, validation_split=0.2)
    history.report(tmp_path / "run.html", class_names=["no", "yes"], feature_names=["u", "v"])
    both = {"class_names": ["no", "yes"], "feature_names": ["u", "v"]}
    assert seen == [("confusion_matrix", {"class_names": ["no", "yes"]}), ("decision_boundary", both)]


def test_names_that_do_not_fit_cost_their_pictures_alone(tmp_path):
    classifier().fit(X, Y, 1, validation_split=0.2).report(tmp_path / "run.html", class_names=["one"])
    assert (
        "Confusion, held-out data: [plot.confusion_matrix] class_names: expected 2" in Page(tmp_path / "run.html").text
    )
