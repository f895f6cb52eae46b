"""`nncore demo`: the figures, and a page that shows each with what to see in it."""

import json
from html.parser import HTMLParser

from nncore.cli import main


class Page(HTMLParser):
    """Pictures, headings and texts of a page, and what of it points elsewhere."""

    def __init__(self, source):
        super().__init__()
        self.images, self.captions, self.headings, self.elsewhere, self._open = [], [], [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "img":
            self.images.append(given["src"])
            assert given["alt"]
        elif {"href", "src"} & set(given) or tag == "script":
            self.elsewhere.append(tag)
        if tag not in ("img", "meta"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] == ["h2"]:
            self.headings.append(data)
        elif self._open[-1:] == ["figcaption"] and data.strip():
            self.captions.append(data)


def test_every_figure_is_on_the_page_with_what_to_see(tmp_path, capsys):
    folder = tmp_path / "demo"
    assert main(["demo", "--out", str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    page = Page((folder / "index.html").read_text(encoding="utf-8"))
    written = {path.name for path in folder.iterdir()}
    assert set(page.images) == written - {"index.html"} and len(page.images) == len(set(page.images)) == 10
    assert len(page.headings) == len(page.captions) == 10 and min(map(len, page.captions)) > 60
    assert page.elsewhere == []
    assert (folder / "moons_film.gif").read_bytes().startswith(b"GIF8")
    assert {path.rsplit("/", 1)[-1] for path in said["figures"]} == written
    assert any("index.html" in note for note in said["notes"])
    source = (folder / "index.html").read_text(encoding="utf-8")
    assert all(row["task"] in source and row["result"] in source for row in said["rows"])
