"""What a box shows can be kept."""

import io
import zipfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from plugins._ui.components import table_html
from plugins._ui.downloads import archive, offer


def test_an_archive_has_figures_images_tables_and_files(tmp_path: Path) -> None:
    figure = Figure()
    figure.subplots().plot([1, 2])
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    (tmp_path / "steps.gif").write_bytes(b"GIF89a")
    contents = {"paths": figure, "map": pixels, "rows": {"headers": ["a"], "data": [["1,5"]]}, "nothing": None}
    with zipfile.ZipFile(archive("box", {**contents, "steps": tmp_path / "steps.gif"})) as file:
        files = {name: file.read(name) for name in file.namelist()}
    assert set(files) == {"paths.png", "paths.svg", "map.png", "rows.csv", "steps.gif"}
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(files["map.png"]))), pixels)
    assert files["rows.csv"].decode().split() == ["a", '"1,5"'] and b"<svg" in files["paths.svg"]
    assert offer("box", {"map": pixels}).visible is True


def test_a_table_of_a_box_shows_a_cell_as_text() -> None:
    shown = table_html({"headers": ["a<b"], "data": [["<img src=x>"], [0.5]]})
    assert '<th scope="col">a&lt;b</th>' in shown and "<td>&lt;img src=x&gt;</td></tr><tr><td>0.5</td>" in shown
