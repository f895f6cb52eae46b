"""plot.gradient_flow draws what nc.gradient_flow measures."""

import numpy as np
import pytest

import nncore as nc


def test_models_and_results_are_drawn_alike():
    nets = {
        name: nc.Sequential(nc.Linear(2, 3), act(), nc.Linear(3, 1), seed=0)
        for name, act in {"tanh": nc.Tanh, "relu": nc.ReLU}.items()
    }
    X, y = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[1.0], [0.0]])
    display = nc.plot.gradient_flow(nets, nc.MSELoss(), X, y)
    for label, net in nets.items():
        flow = nc.gradient_flow(net, nc.MSELoss(), X, y)
        np.testing.assert_array_equal(display.lines_[label].get_ydata(), list(flow.norms.values()))
        assert display.flows_[label].norms == flow.norms
    assert display.ax_.get_yscale() == "log"
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["0", "2"]
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["tanh", "relu"]
    again = nc.plot.gradient_flow(display.flows_["relu"])
    np.testing.assert_array_equal(again.lines_[""].get_ydata(), display.lines_["relu"].get_ydata())
    assert again.ax_.get_legend() is None


@pytest.mark.parametrize("model", [{}, 3, None])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(nc.ConfigError, match="model: expected"):
        nc.plot.gradient_flow(model)
