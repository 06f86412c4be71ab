"""Whatever a text holds, a page shows it and does nothing else."""

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrldiff.report.page import MOST, escape, framed, highlighted, page, plain, table

HOSTILE = '</script><script>alert(1)</script>" onload="x" &lt; \u202egnp.exe\u202c \ud83d \x00 \u2028 مرحبا 😀'


def test_markup_is_text():
    shown = escape(HOSTILE)
    assert "<" not in shown and '"' not in shown
    assert html.unescape(shown) == plain(HOSTILE)
    assert "<U+202E>" in plain(HOSTILE) and "<U+D83D>" in plain(HOSTILE) and "<U+0000>" in plain(HOSTILE)
    assert "مرحبا 😀" in plain(HOSTILE), "what can be seen stays"


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_shown_once_and_in_ascii(text):
    whole = page(text, f"<p>{escape(text)}</p>", script="void 0;", data=[text])
    assert whole.isascii() and whole.count("<script") == 2 and whole.count("</script>") == 2
    (shown,) = re.findall(r"<p>(.*?)</p>", whole, re.DOTALL)
    assert html.unescape(shown) == plain(text).replace("\r", "<U+000D>")
    (embedded,) = re.findall(r'id="data">(.*?)</script>', whole, re.DOTALL)
    assert json.loads(embedded) == [text]


def test_a_page_may_load_nothing_and_runs_its_own_script_alone():
    policy = re.compile(r'Content-Security-Policy" content="([^"]*)"')
    (bare,) = policy.findall(page("t", ""))
    assert "default-src 'none'" in bare and "script-src 'none'" in bare
    (scripted,) = policy.findall(page("t", "", script="void 0;", data=1))
    assert "script-src 'sha256-" in scripted and "unsafe-inline' ;" not in scripted and "unsafe-eval" not in scripted


def test_a_page_names_nothing_outside_of_itself():
    whole = page("t", table(["a"], [["b"]]), script="void 0;", data=1)
    assert not re.search(r"(?:src|href)=|url\(|@import|https?:", whole)


def test_marks_stand_where_they_are_said():
    marked = highlighted("a <b> c", [(2, 5, 0), (3, 4, 1), (6, 7, 2), (5, 90, 3), (-1, 1, 4)])
    marks = re.findall(r'<mark data-v="(\d)" tabindex="0">(.*?)</mark>', marked)
    assert marks == [("0", "&lt;b&gt;"), ("2", "c")], "of two that overlap the first; none that lies outside"
    assert html.unescape(re.sub("<[^>]*>", "", marked)) == "a <b> c"


@pytest.mark.parametrize("at", [[5], [500_000], [0, 250_000, 999_990], list(range(0, 999_000, 1000))])
def test_of_a_long_text_the_beginning_and_the_marks_are_shown(at):
    text = "".join(chr(97 + n % 26) for n in range(1_000_000))
    marked = highlighted(text, [(start, start + 8, n) for n, start in enumerate(at)])
    assert len(marked) < 3 * MOST
    left_out = sum(int(n.replace(",", "")) for n in re.findall(r"\[([\d,]+) characters are left out", marked))
    shown = re.sub(r'<span class="dim">.*?</span>|<[^>]*>', "", marked)
    assert left_out + len(shown) == len(text)
    assert all(text[start : start + 8] in marked for start in at[:3])


def test_a_page_in_a_page_is_one_attribute():
    inside = framed(page("t", f"<p>{escape(HOSTILE)}</p>"))
    assert inside.count("<") == 2 and 'sandbox="allow-scripts"' in inside and "allow-same-origin" not in inside
