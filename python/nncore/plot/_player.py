"""Films as files and as a player in a page, which needs no network."""

from __future__ import annotations

import base64
import html
import io
import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

_COLOURS = 128  # of a frame: plots need no more, and take a third of the space

_ICONS = {
    "first": "M5 5h2v14H5zM19 5v14L9 12z",
    "back": "M15 5l-7 7 7 7 1.6-1.6L11.2 12l5.4-5.4z",
    "play": "M7 5v14l12-7z",
    "pause": "M6 5h4v14H6zM14 5h4v14h-4z",
    "on": "M9 5l7 7-7 7-1.6-1.6 5.4-5.4-5.4-5.4z",
    "last": "M5 5v14l10-7zM17 5h2v14h-2z",
}
_NAMES = {"first": "first frame", "back": "frame before", "play": "play", "on": "next frame", "last": "last frame"}

_STYLE = """
#ID { display: inline-block; max-width: 100%; font: 14px/1.4 system-ui, sans-serif }
#ID img { display: none; max-width: 100%; height: auto }
#ID img.shown { display: block }
#ID .bar { display: flex; align-items: center; gap: 4px; margin-top: 4px }
#ID button { width: 32px; height: 28px; padding: 3px; border: 1px solid #8888; border-radius: 4px; background: none }
#ID button { color: inherit; cursor: pointer } #ID button:hover { background: #8883 }
#ID svg { width: 100%; height: 100%; fill: currentColor; display: block }
#ID input { flex: 1; min-width: 60px } #ID select { font: inherit }
"""

_SCRIPT = """
(function () {
  var film = document.getElementById("ID"), frames = film.querySelectorAll("img");
  var slider = film.querySelector("input"), speed = film.querySelector("select");
  var icon = film.querySelector("[data-do=play] path"), at = frames.length - 1, timer = null;
  function show(i) {
    frames[at].classList.remove("shown");
    at = (i + frames.length) % frames.length;
    frames[at].classList.add("shown");
    slider.value = at;
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    icon.setAttribute("d", "PLAY");
  }
  function play() {
    stop();
    icon.setAttribute("d", "PAUSE");
    timer = setInterval(function () { show(at + 1); }, INTERVAL / Number(speed.value));
  }
  var doing = {
    first: function () { stop(); show(0); },
    back: function () { stop(); show(at - 1); },
    play: function () { if (timer === null) { play(); } else { stop(); } },
    on: function () { stop(); show(at + 1); },
    last: function () { stop(); show(frames.length - 1); }
  };
  film.querySelectorAll("button").forEach(function (button) {
    button.addEventListener("click", doing[button.getAttribute("data-do")]);
  });
  slider.addEventListener("input", function () { stop(); show(Number(slider.value)); });
  speed.addEventListener("change", function () { if (timer !== null) { play(); } });
  film.querySelector(".note").remove();
  film.querySelector(".bar").style.display = "flex";
  show(0);
})();
"""


def frame_of(figure: Any, dpi: float | None = None) -> Image:
    """The figure as it is now, as an image of few colours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    shown_on, usual = figure.canvas, figure.dpi
    try:
        figure.dpi = usual if dpi is None else dpi
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    finally:
        figure.set_canvas(shown_on)
        figure.dpi = usual
    return pixels.quantize(_COLOURS, dither=Image.Dither.NONE)


def player(frames: Iterator[Image], titles: Sequence[str], interval: int) -> str:
    """A player of frames as a piece of HTML, with its style and script in it."""
    key = f"film-{secrets.token_hex(8)}"
    images = []
    for number, (frame, title) in enumerate(zip(frames, titles, strict=True), 1):
        with io.BytesIO() as content:
            frame.save(content, format="png", optimize=True)
            data = base64.b64encode(content.getvalue()).decode()
        shown = ' class="shown"' if number == len(titles) else ""
        images.append(f'<img{shown} alt="{html.escape(title)}" src="data:image/png;base64,{data}">')
    buttons = "".join(
        f'<button type="button" data-do="{name}" title="{text}" aria-label="{text}">'
        f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{_ICONS[name]}"/></svg></button>'
        for name, text in _NAMES.items()
    )
    slider = f'<input type="range" min="0" max="{len(images) - 1}" value="0" aria-label="frame">'
    rates = "".join(f'<option value="{rate}"{" selected" * (rate == 1)}>{rate}x</option>' for rate in (0.5, 1, 2, 4))
    bar = f'<div class="bar" style="display:none">{buttons}{slider}<select aria-label="speed">{rates}</select></div>'
    note = '<p class="note">The last frame; where scripts may run, the film plays here.</p>'
    script = _SCRIPT.replace("PLAY", _ICONS["play"]).replace("PAUSE", _ICONS["pause"])
    script = script.replace("INTERVAL", str(interval)).replace("ID", key)
    parts = (f"<style>{_STYLE.replace('ID', key)}</style>", *images, bar, note, f"<script>{script}</script>")
    inner = "\n".join(parts)
    return f'<div id="{key}">\n{inner}\n</div>'


def page(content: str, title: str) -> str:
    """A piece of HTML as a page of its own."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        f"</head>\n<body>\n{content}\n</body>\n</html>\n"
    )


def write_gif(file: BinaryIO, frames: Iterator[Image], interval: int) -> None:
    """Frames as an animated GIF that repeats."""
    first, *rest = frames
    first.save(file, format="gif", save_all=True, append_images=rest, duration=interval, loop=0, optimize=True)
