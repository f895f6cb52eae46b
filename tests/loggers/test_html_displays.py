"""What notebooks show: tables with the numbers, escaped, well formed."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import nncore as nc
from nncore._support.html import curve, facts, table


def cells(shown):
    """Rows of a table as text."""
    return [["".join(cell.itertext()) for cell in row] for row in ET.fromstring(shown).iter("tr")]


def history(**columns):
    h = nc.History()
    n = len(next(iter(columns.values())))
    h.epochs = {"epoch": np.arange(1, n + 1), **{key: np.array(v) for key, v in columns.items()}, "seconds": np.ones(n)}
    h.n_steps, h.seconds = 10, 2.0
    return h


def test_table_escapes_all_text():
    shown = table(["<b>"], [["a & b"]], caption="<script>", left=1)
    assert ET.fromstring(shown).find("caption").text == "<script>"
    assert cells(shown) == [["<b>"], ["a & b"]] and shown.count("text-align:left") == 2
    assert cells(facts([("x", '<i>"')])) == [["x", '<i>"']]


def points(shown):
    line = ET.fromstring(shown).find("polyline")
    return [tuple(map(float, point.split(","))) for point in line.get("points").split()]


def test_curve_has_the_least_below_and_the_largest_above():
    assert points(curve([3.0, 1.0, 2.0], width=104, height=24)) == [(2.0, 2.0), (52.0, 22.0), (102.0, 12.0)]
    assert points(curve([1.0, 10.0, 1000.0], width=104, height=34))[1] == (52.0, 22.0)  # logarithmic
    assert points(curve([0.0, np.nan, 1.0], width=104, height=24)) == [(2.0, 22.0), (102.0, 2.0)]
    assert len(points(curve(np.arange(100_000)))) <= 200
    assert "<circle" in curve([1.0]) and curve([np.nan]) == curve([]) == ""
    assert points(curve([-1e308, 1e308], width=104, height=24)) == [(2.0, 22.0), (102.0, 2.0)]


def test_history():
    rows = cells(history(loss=[3.0, 1.0, 2.0], accuracy=[0.5, 0.75, 0.625], val_loss=[np.nan, 4.0, 5.0])._repr_html_())
    assert [row[:4] for row in rows[1:]] == [
        ["loss", "3", "1", "2"], ["accuracy", "0.5", "0.75", "0.625"], ["val_loss", "nan", "4", "5"],
    ]  # fmt: skip
    assert "evaluate, afterwards, gives another number" in history(accuracy=[0.5])._repr_html_()
    shown = history(**{"<b>": [1.0]})._repr_html_()
    assert cells(shown)[1][0] == "<b>" and "10 steps of 200,000 µs" in shown
    assert cells(nc.History()._repr_html_()) == [["", "first", "best", "last", ""]]


@pytest.mark.parametrize("seconds, text", [(2.0, "2.00 s"), (0.00094, "0.94 ms"), (0.123, "123 ms"), (0.0, "0 ms")])
def test_seconds_have_a_unit_that_fits(seconds, text):
    h = history(loss=[1.0])
    h.seconds = seconds
    assert f", {text}" in repr(h) and text in h._repr_html_()


def test_gradient_report_and_flow():
    net = nc.Sequential(nc.Linear(2, 3), nc.Tanh(), nc.Linear(3, 1), seed=0)
    X, y = np.ones((2, 2)), np.zeros((2, 1))
    report = nc.gradcheck(net, nc.MSELoss(), X, y)
    rows = cells(report._repr_html_())
    assert [row[0] for row in rows[1:]] == list(report.per_parameter)
    assert float(rows[1][1]) == pytest.approx(report.per_parameter[rows[1][0]].max_relative_error, rel=1e-2, abs=1e-12)
    assert ET.fromstring(report._repr_html_()).find("caption").text.startswith("ok")
    flow = nc.gradient_flow(net, nc.MSELoss(), X, y)
    assert cells(flow._repr_html_())[1:] == [
        ["0", f"{flow.norms['0']:.3e}"], ["2", f"{flow.norms['2']:.3e}"], ["first / last", f"{flow.ratio:.3e}"],
    ]  # fmt: skip


def test_optimize_result():
    result = nc.minimize("quadratic", [1.0, 1.0], nc.SGD(lr=0.1), 5)
    shown = dict(cells(result._repr_html_()))
    assert shown["nit"] == "5" and shown["message"] == "all steps done" and shown["path"].startswith("6 points")
    assert "<polyline" in result._repr_html_()


@pytest.mark.parametrize("name", [name for name in nc.optim.__all__ if name != "Optimizer"])
def test_optimizer_shows_every_setting_and_its_progress(name):
    kind = getattr(nc, name)
    optimizer = kind(lr=0.25)
    net = nc.Sequential(nc.Linear(2, 1), seed=0)
    optimizer.step(net)
    shown = optimizer._repr_html_()
    rows = dict(cells(shown))
    assert rows["lr"] == "0.25" and rows["steps done"] == "1"
    assert set(kind.__signature__.parameters) <= set(rows)
    assert ET.fromstring(shown).find("caption").text == f"{name}, rate now 0.25"


def test_optimizer_with_a_schedule():
    shown = nc.SGD(lr=nc.StepLR(0.5, 3))._repr_html_()
    assert dict(cells(shown))["lr"] == "StepLR(lr=0.5, step_size=3)" and "rate now 0.5" in shown


def test_model_and_summary():
    net = nc.Sequential({"<in>": nc.Linear(2, 3)}, seed=0)
    assert cells(net._repr_html_()) == [["<in>", "Linear(in_features=2, out_features=3)"]]
    assert cells(net.summary()._repr_html_()) == [
        ["layer", "output shape", "parameters"], ["input", "(N, 2)", ""], ["<in>: Linear", "(N, 3)", "9"],
    ]  # fmt: skip


def test_monitor():
    net = nc.Sequential(nc.Linear(2, 3), nc.ReLU(), seed=0)
    monitor = nc.Monitor(every=2)
    assert "no observations yet" in monitor._repr_html_()
    nc.Trainer(net, nc.MSELoss(), nc.SGD(), batch_size=5).fit(
        np.ones((10, 2)), np.zeros((10, 3)), 3, callbacks=[monitor]
    )
    rows = cells(monitor._repr_html_())
    assert [row[:2] for row in rows[1:]] == [[name, monitor.kinds[name]] for name in monitor]
    at = rows[0].index("std")
    assert [float(row[at]) for row in rows[1:]] == pytest.approx([of["std"][-1] for of in monitor.values()], rel=1e-3)
    assert monitor._repr_html_().count("<svg") == len(monitor) and "step 4" in monitor._repr_html_()
