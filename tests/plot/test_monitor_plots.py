"""statistics, histograms, dead_units, update_ratios, gradient_flow of monitors made by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

import nncore as nc
from nncore.plot._inside.histograms import relaid
from support.observed import observation, observed

NET = nc.Sequential(nc.Linear(2, 3), nc.ReLU(), nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 2), seed=0)
EVERY = ("statistics", "histograms", "dead_units", "update_ratios")


def full(**facts):
    facts = {
        "dead": lambda name: 0.25 if name == "1.output" else 0.0 if name == "3.output" else np.nan,
        "saturated": lambda name: 0.5 if name == "3.output" else np.nan,
        "update_ratio": lambda name: np.nan if name.endswith((".grad", ".output")) else 2e-3,
    } | facts
    return observed(NET, **facts)


def test_statistics_draws_band_and_mean_of_each_activation():
    monitor = full()
    display = nc.plot.statistics(monitor)
    assert [ax.get_title() for ax in display.axes_] == ["1.output: activation", "3.output: activation"]
    of, line = monitor["3.output"], display.lines_["", "3.output"]
    np.testing.assert_array_equal(line.get_xdata(), [0, 10, 20])
    np.testing.assert_array_equal(line.get_ydata(), of["mean"])
    outer, inner = (band.get_paths()[0].vertices for band in display.axes_[1].collections)
    inside = np.fmax(of["mean"] - of["std"], of["min"]), np.fmin(of["mean"] + of["std"], of["max"])
    for vertices, low, high in ((outer, of["min"], of["max"]), (inner, *inside)):
        drawn = {step: set(vertices[vertices[:, 0] == step, 1]) for step in (0, 10, 20)}
        assert all(drawn[step] >= {a, b} for step, a, b in zip((0, 10, 20), low, high, strict=True))


def test_no_relu_is_shown_below_0():
    X = np.random.default_rng(0).normal(size=(40, 2))
    monitor = nc.Monitor(every=5)
    nc.Trainer(nc.mlp([2, 8, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).fit(
        X, (X[:, 0] > 0).astype(int), 10, callbacks=[monitor], progress=False
    )
    of = monitor["1.output"]
    assert (of["mean"] < of["std"]).any()
    for band in nc.plot.statistics(monitor, "1.output").ax_.collections:
        assert band.get_paths()[0].vertices[:, 1].min() >= 0


def test_the_usual_update_ratio_has_a_name(legend_of):
    display = nc.plot.update_ratios(full())
    assert legend_of(display)[-1] == "usual: 0.001"
    assert [line.get_ydata()[0] for line in display.ax_.lines if line.get_linestyle() == ":"] == [1e-3]


def test_tensors_go_by_name_and_by_kind_and_runs_by_colour(legend_of):
    runs = {"a": full(), "b": full(seed=9)}
    display = nc.plot.statistics(runs, ["4.bias", "weight gradient"], columns=2)
    assert [ax.get_title().split(":")[0] for ax in display.axes_] == [
        "4.bias",
        "0.weight.grad",
        "2.weight.grad",
        "4.weight.grad",
    ]
    assert set(display.lines_) == {(run, ax.get_title().split(":")[0]) for run in runs for ax in display.axes_}
    assert display.lines_["a", "4.bias"].get_color() != display.lines_["b", "4.bias"].get_color()
    assert legend_of(display) == ["a", "b"]
    assert len(display.figure_.axes) == 4


def test_relaid_bins_keep_their_share():
    counts, edges = np.array([1, 0, 3]), np.array([0.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(relaid(counts, edges, np.array([0.0, 0.5, 2.5, 3.0])), [1 / 8, 1 / 2, 3 / 8])
    assert np.isnan(relaid(np.array([0, 0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 3.0]))).all()


def test_histograms_put_the_darkest_cells_where_the_elements_are():
    monitor = nc.Monitor(bins=4)
    monitor.on_fit_begin(SimpleNamespace(model=NET, optimizer=nc.SGD()))
    for step, shift in ((0, 0.0), (5, 10.0)):
        monitor.on_observation(observation({"0.weight": shift + np.linspace(0.0, 1.0, 40)}, step, bins=4))
    shown = nc.plot.histograms(monitor, "0.weight").images_["", "0.weight"].get_array()
    rows = np.linspace(0, 11, len(shown))  # about
    for look_number, (low, high) in enumerate(((0, 1), (10, 11))):
        there = (rows > low - 0.1) & (rows < high + 0.1)
        assert shown[there, look_number].sum() > 0.99 and shown[~there, look_number].sum() < 0.01


def test_histograms_of_several_runs_have_a_column_for_each():
    display = nc.plot.histograms({"a": full(), "b": full(seed=3)}, ["0.weight", "0.bias"])
    assert [ax.get_title() for ax in display.axes_] == ["a, 0.weight", "b, 0.weight", "a, 0.bias", "b, 0.bias"]
    assert display.axes_[0].get_ylim() == display.axes_[1].get_ylim()


def test_histograms_need_histograms():
    with pytest.raises(nc.ConfigError, match=r"\[plot\.histograms\] monitor: expected one with histograms"):
        nc.plot.histograms(full(bins=0))


def test_a_tensor_that_never_changes_and_one_look_are_drawn():
    monitor = nc.Monitor(bins=4)
    monitor.on_fit_begin(SimpleNamespace(model=NET, optimizer=nc.SGD()))
    monitor.on_observation(observation({"0.weight": np.zeros((3, 2))}, 7, bins=4))
    for draw in (nc.plot.histograms, nc.plot.statistics):
        draw(monitor, "0.weight").figure_.canvas.draw()


def test_dead_and_saturated_units(legend_of):
    display = nc.plot.dead_units({"a": full(), "b": full()})
    np.testing.assert_array_equal(display.lines_["b", "1.output"].get_ydata(), [0.25] * 3)
    np.testing.assert_array_equal(display.lines_["b", "3.output"].get_ydata(), [0.5] * 3)
    assert [line.get_linestyle() for line in display.lines_.values()] == ["-", "--"] * 2
    assert [ax.get_title() for ax in display.axes_] == ["a", "b"]
    assert legend_of(display) == ["1.output: dead", "3.output: saturated"]


def test_update_ratios_leave_out_what_a_logarithm_has_not():
    ratios = {"0.weight": 1e-2, "0.bias": np.inf, "2.weight": 1e-4}
    display = nc.plot.update_ratios(full(update_ratio=lambda name: ratios.get(name, np.nan)), ["0.weight", "0.bias"])
    np.testing.assert_array_equal(display.lines_["", "0.weight"].get_ydata(), [1e-2] * 3)
    assert np.isnan(display.lines_["", "0.bias"].get_ydata()).all()
    assert display.ax_.get_yscale() == "log"
    assert any(np.allclose(line.get_ydata(), 1e-3) for line in display.ax_.lines)


def test_gradient_flow_of_a_monitor_draws_its_observations():
    monitor = full()
    display = nc.plot.gradient_flow(monitor)
    assert list(display.lines_) == ["step 0", "step 10", "step 20"]
    norms = [monitor[f"{layer}.weight.grad"]["norm"][1] for layer in (0, 2, 4)]
    np.testing.assert_allclose(display.lines_["step 10"].get_ydata(), norms)
    assert list(nc.plot.gradient_flow(monitor, steps=[12, 100]).lines_) == ["step 10", "step 20"]
    assert list(nc.plot.gradient_flow({"a": monitor, "b": monitor}).lines_) == ["a, step 20", "b, step 20"]
    with pytest.raises(nc.ConfigError, match=r"\[plot\.gradient_flow\] steps: expected"):
        nc.plot.gradient_flow(monitor, steps=[0.5])


@pytest.mark.parametrize("name", (*EVERY, "gradient_flow"))
def test_a_monitor_without_observations_is_refused(name):
    monitor = nc.Monitor()
    monitor.on_fit_begin(SimpleNamespace(model=NET, optimizer=nc.SGD()))
    with pytest.raises(nc.StateError, match=r"\[Monitor\] no observations yet"):
        getattr(nc.plot, name)(monitor)


@pytest.mark.parametrize("name", EVERY)
def test_wrong_arguments_are_refused(name):
    draw, monitor = getattr(nc.plot, name), full()
    with pytest.raises(nc.ConfigError, match=rf"\[plot\.{name}\] monitor: expected a Monitor"):
        draw(3)
    with pytest.raises(nc.ConfigError, match=rf"\[plot\.{name}\] monitor: expected a Monitor"):
        draw({"a": monitor, "b": None})
    with pytest.raises(
        nc.ConfigError, match=rf"\[plot\.{name}\] tensors: expected names \('0\.weight', .*'weight'.*'9\.weight'"
    ):
        draw(monitor, "9.weight")
    for tensors in ([], 3):
        with pytest.raises(nc.ConfigError, match=rf"\[plot\.{name}\] tensors: expected names"):
            draw(monitor, tensors)


def test_rates_of_what_has_none_are_refused():
    for draw, measured in ((nc.plot.dead_units, "outputs of activation layers"), (nc.plot.update_ratios, "parameters")):
        with pytest.raises(nc.ConfigError, match=rf"\] tensors: expected {measured}, got \['0.weight.grad'\]"):
            draw(full(), "0.weight.grad")
    linear = observed(nc.Sequential(nc.Linear(2, 3), nc.Linear(3, 2), seed=0))
    with pytest.raises(
        nc.ConfigError, match=r"monitor: expected one of a net with outputs of activation layers, got .*net input"
    ):
        nc.plot.dead_units(linear)


@pytest.mark.parametrize("name", ["$\\frac{", "$$", "$x^2$", "_a", "%s", "a\nb"])
def test_odd_names_of_layers_are_drawn_letter_by_letter(name):
    net = nc.Sequential({name: nc.Linear(2, 3), name + "r": nc.ReLU(), "out": nc.Linear(3, 2)}, seed=0)
    monitor = observed(
        net, dead=lambda tensor: 0.5 if tensor.endswith("r.output") else np.nan, update_ratio=lambda _: 1e-3
    )
    for draw in (
        nc.plot.statistics,
        nc.plot.histograms,
        nc.plot.dead_units,
        nc.plot.update_ratios,
        nc.plot.gradient_flow,
    ):
        draw(monitor).figure_.canvas.draw()
    titles = [ax.get_title() for ax in nc.plot.histograms(monitor, f"{name}.weight").axes_]
    assert titles == [f"{name}.weight: weight".replace("$", r"\$")]
