"""A matplotlib backend whose windows exist in a list only: `module://support.windows`."""

from typing import ClassVar

from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

log: list[str] = []


class FigureManager(FigureManagerBase):
    def show(self):
        log.append("shown")

    @classmethod
    def pyplot_show(cls, *, block=None):
        log.append("shown until closed")


class FigureCanvas(FigureCanvasAgg):
    manager_class: ClassVar = FigureManager
    required_interactive_framework = "headless"

    def draw_idle(self, *args, **kwargs):
        self.draw()

    def flush_events(self):
        log.append("drawn")
