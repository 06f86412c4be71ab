"""The picture on the page and the numbers of the page are the same."""

import re
from pathlib import Path

import numpy as np

from tests.docs.test_docs_run import BLOCK

DOCS = Path(__file__).parents[2] / "docs"
BOX = re.compile(r'<g id="t(\d)s(\d)">.*?>([\d.]+)</text>.*?>([\d.]+)</text></g>')


def test_every_box_of_the_picture_holds_the_two_sums_of_its_state():
    page: dict = {"__name__": "page"}
    for block in BLOCK.findall((DOCS / "how-it-works.md").read_text(encoding="utf-8")):
        exec(compile(block, "how-it-works.md", "exec"), page)
        if "lead" in page:
            break
    drawn = BOX.findall((DOCS / "how-it-works.svg").read_text(encoding="utf-8"))
    assert sorted((int(t), int(s)) for t, s, _, _ in drawn) == [tuple(at) for at in np.argwhere(page["lead"]).tolist()]
    for t, s, total, best in drawn:
        assert np.isclose(float(total), page["total"][int(t), int(s)])
        assert np.isclose(float(best), page["best_of"][int(t), int(s)])
