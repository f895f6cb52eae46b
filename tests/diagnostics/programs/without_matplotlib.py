"""A fit that is observed where matplotlib cannot be imported: numbers and tables work, pictures say what is missing."""

import sys
import tempfile

sys.modules["matplotlib"] = None

import numpy as np

import nncore as nc

X = np.random.default_rng(0).normal(size=(20, 2))
y = (X[:, 0] > 0).astype(int)
images = X[:, None, None]
net = nc.Sequential(nc.Conv2d(1, 1, 1), nc.Flatten(), nc.Linear(2, 2), seed=0)
monitor = nc.Monitor(every=1)
board = nc.TensorBoard(tempfile.mkdtemp(), every=1)
history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(images, y, 2, callbacks=[monitor, board])
print(repr(monitor), len(monitor._repr_html_()) > 100, len(history._repr_html_()) > 100)

plot = nc.plot
draws = [
    history.plot,
    lambda: plot.filters(net[0]),
    lambda: plot.gradient_flow(monitor),
    lambda: plot.boundary_animation([net], X, y),
    lambda: plot.confusion_matrix(net, images, y),
    *(lambda f=f: f(monitor) for f in (plot.histograms, plot.statistics, plot.dead_units, plot.update_ratios)),
]
for draw in draws:
    try:
        draw()
    except ImportError as error:
        assert "pip install nncore[plot]" in str(error), error
    except nc.ConfigError as error:
        assert "dead_units" in str(error), error
    else:
        raise AssertionError(draw)
