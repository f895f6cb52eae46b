"""Drawing without a screen; every test starts and ends without figures, and leaves matplotlib's settings alone."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def clean_matplotlib():
    before = dict(matplotlib.rcParams)
    assert plt.get_fignums() == []
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture
def legend_of():
    def texts(display):
        legends = [ax.get_legend() for ax in display.axes_]
        return [text.get_text() for legend in legends if legend is not None for text in legend.get_texts()]

    return texts
