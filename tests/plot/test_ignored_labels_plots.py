"""Pictures of labels of which some are ignored: as of the others alone."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc

plt = pytest.importorskip("matplotlib.pyplot")

X, Y = nc.datasets.make_moons(120, noise=0.3, seed=0)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def trained(ignored):
    y = Y.copy()
    y[::4] = ignored
    loss = nc.CrossEntropyLoss(ignore_index=ignored)
    trainer = nc.Trainer(nc.mlp([2, 8, 2 if ignored not in (1,) else 3], seed=0), loss, nc.Adam(lr=0.05))
    trainer.fit(X, y, epochs=20)
    return trainer, y, y != ignored


def copies(net):
    return [net, net.copy(), copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net[:]]


@pytest.mark.parametrize("ignored", [-100, 255, -1, 1])
def test_pictures_leave_them_out(ignored):
    trainer, y, there = trained(ignored)
    for net in copies(trainer.model):
        accuracy = trainer.evaluate(X, y)["accuracy"]
        matrix = nc.plot.confusion_matrix(net, X, y)
        assert matrix.matrix_.sum() == there.sum() and matrix.ax_.get_title() == f"accuracy {accuracy:.2%}"
        assert ignored not in matrix.classes_ or ignored in net.predict(X)
        images = nc.plot.misclassified(net, X, y, shape=(1, 2))
        assert images.errors_ == (net.predict(X) != y)[there].sum() and there[images.indices_].all()
        boundary = nc.plot.decision_boundary(net, X, y, resolution=20)
        drawn = sum(len(points.get_offsets()) for points in boundary.points_.values())
        assert drawn == there.sum()
        assert f"class {ignored}" not in [t.get_text() for t in boundary.ax_.get_legend().get_texts()] or ignored == 1
        plt.close("all")
        if ignored != 1:
            area = nc.plot.roc_curve(net, X, y).auc_
            assert area == pytest.approx(nc.plot.roc_curve(net, X[there], y[there]).auc_)


def test_arrays_of_labels_leave_out_minus_100():
    truth, said = np.array([0, 1, -100, 1]), np.array([0, 1, 1, 0])
    assert nc.plot.confusion_matrix(truth, said).matrix_.tolist() == [[1, 0], [1, 1]]
    assert nc.plot.roc_curve(truth, [0.1, 0.9, 0.2, 0.3]).auc_ == 1.0


def test_a_model_that_has_the_class_keeps_it():
    class Own:
        classes_ = (-100, 0)

        def predict(self, x):
            return np.full(len(x), -100)

    y = np.where(Y == 1, -100, 0)
    assert nc.plot.confusion_matrix(Own(), X, y).matrix_.sum() == len(X)


@pytest.mark.parametrize(
    "call",
    [
        lambda net, y: nc.plot.confusion_matrix(net, X, y),
        lambda net, y: nc.plot.misclassified(net, X, y, shape=(1, 2)),
        lambda net, y: nc.plot.decision_boundary(net, X, y, resolution=20),
        lambda net, y: nc.plot.roc_curve(net, X, y),
    ],
)
def test_none_that_count(call):
    with pytest.raises(nc.ConfigError, match="y: expected labels that count, got -100 alone, which is ignored"):
        call(trained(-100)[0].model, np.full(120, -100))


def test_the_report_shows_them_so(tmp_path):
    trainer, y, _ = trained(-100)
    history = trainer.fit(X, y, epochs=1, validation_data=(X, y))
    history.report(tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "-100" not in text.replace("ignore_index=-100", "")
