"""The pages in a browser, headless: they work, ask for nothing, and run nothing that a text holds.

Skipped where there is no playwright or no Chromium.
"""

import shutil
import time
from dataclasses import replace
from itertools import pairwise

import pytest

import ctrldiff as cd
from ctrldiff.report.decode import Value, decode_page
from ctrldiff.report.job import job_page
from ctrldiff.report.rows import JobRow
from ctrldiff.report.tally import JobTally
from tests.report.test_page import HOSTILE

sync = pytest.importorskip("playwright.sync_api")
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
LURES = [
    "<script>window.caught = 1</script>",
    '<img src="x" onerror="window.caught = 1">',
    "</pre></div><iframe srcdoc='<script>parent.caught = 1</script>'></iframe>",
    "</script><script>window.caught = 1</script>",
    "<style>body { display: none }</style>",
    '" onmouseover="window.caught = 1" x="',
    "<!-- ]]> --!> <a href='javascript:window.caught=1'>",
    "\u202e\u2066 right to left \u061c مرحبا بالعالم \u2069\u202c",
    "\ud800 \udfff \x00 \x1b[31m \u2028 \u2029 \ufeff",
]
TEXT = "\n".join(LURES)


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, NAMES)), None)
    with sync.sync_playwright() as player:
        try:
            browser = player.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except sync.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


class Opened:
    """A page in the browser, and what went wrong in it."""

    def __init__(self, browser, folder, whole):
        file = folder / "page.html"
        file.write_text(whole, encoding="ascii")
        self.page = browser.new_page(viewport={"width": 1100, "height": 900})
        self.asked, self.errors = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda told: self.errors.append(told.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append(dialog.message))
        self.page.goto(file.as_uri())
        self.uri = file.as_uri()

    def is_clean(self):
        assert self.asked == [self.uri], "a page asks for itself and nothing else"
        assert not self.errors and self.page.evaluate("window.caught") is None
        assert self.page.evaluate("getComputedStyle(document.body).display") != "none"
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"
        return True


@pytest.fixture(scope="module")
def result():
    model = cd.from_pretrained("tiny")
    plan = cd.Plan.preset("llada", steps=8)  # more steps than the default one takes
    schema = {"type": "object", "properties": {"code": {"type": "string", "x-span": True}}, "required": ["code"]}
    return model("The code is AB-1234, and total 12.", schema, plan=plan, trace=True, fields=True)


def test_a_decode_can_be_stepped_through(browser, tmp_path, result):
    opened = Opened(browser, tmp_path, result.page("The code is AB-1234, and total 12."))
    page = opened.page
    frames = result.trace.frames[0]
    assert page.locator("#count").inner_text() == f"step {len(frames) - 1} of {len(frames) - 1}"
    written = page.locator("#canvas").inner_text()
    assert written.rstrip("\u220e") == result.raw
    page.locator("#step").fill("0")
    assert set(page.locator("#canvas").inner_text()) == {"\u00b7"}
    page.locator("#step").fill("1")
    first = frames[1]
    shown = page.locator("#canvas > span").all_inner_texts()
    assert shown == ["\u00b7" if piece is None else piece or "\u220e" for piece in first.pieces][: len(shown)]
    page.locator("#step").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#count").inner_text().startswith("step 2")
    page.locator("#play").click()
    page.locator("#count", has_text="step 3").wait_for(timeout=10_000)
    assert opened.is_clean()


def test_pointing_at_a_token_tells_what_else_it_might_have_been(browser, tmp_path, result):
    opened = Opened(browser, tmp_path, result.page("The code is AB-1234, and total 12."))
    frames = result.trace.frames[0]
    at, guesses = next(
        (n, frame.legal[n])
        for before, frame in pairwise(frames)
        for n in range(len(frame.pieces))
        if before.pieces[n] is None and frame.pieces[n] and len(frame.legal[n]) > 1
    )
    opened.page.locator(f'#canvas [data-i="{at}"]').hover()
    told = opened.page.locator("#detail").inner_text()
    assert f"position {at}" in told and "legal, by the posterior" in told and "the model alone" in told
    assert guesses[1].piece.strip() in told
    assert opened.is_clean()


def test_a_value_and_its_place_in_the_text_light_up_together(browser, tmp_path, result):
    opened = Opened(browser, tmp_path, result.page("The code is AB-1234, and total 12."))
    n = next(n for n, value in enumerate(result.values) if value.source)
    opened.page.locator(f'mark[data-v="{n}"]').hover()
    assert opened.page.locator("#canvas .on").count() >= 1
    opened.page.mouse.move(2, 2)
    assert opened.page.locator(".on").count() == 0
    assert opened.is_clean()


def hostile_frames(frames):
    """Frames whose pieces are lures."""

    def lure(n, piece):
        return piece if piece is None else LURES[n % len(LURES)]

    return [
        replace(
            frame,
            pieces=tuple(lure(n, piece) for n, piece in enumerate(frame.pieces)),
            legal=(((LURES[0], 0.5),),) * len(frame.pieces),
        )
        for frame in frames
    ]


@pytest.mark.parametrize(
    "text", [TEXT, HOSTILE, (TEXT + "\n") * (1_000_000 // len(TEXT) + 1)], ids=["lures", "mixed", "1 MB"]
)
def test_no_text_runs_or_reaches_out_in_a_decode(browser, tmp_path, result, text):
    values = [Value(lure, lure, (0, 4), ((5 * n, 5 * n + 3),), 0.5) for n, lure in enumerate(LURES)]
    whole = decode_page(
        hostile_frames(result.trace.frames[0]),
        raw=text[:2000],
        document=text,
        values=values,
        title=text[:200],
        facts={text[:50]: text[:50]},
    )
    began = time.monotonic()
    opened = Opened(browser, tmp_path, whole)
    assert time.monotonic() - began < 20
    opened.page.locator("#step").fill("1")
    opened.page.locator("#step").fill(str(len(result.trace.frames[0]) - 1))
    for n in range(len(LURES)):
        opened.page.locator(f'#canvas [data-i="{n}"]').hover()
    assert LURES[0] in opened.page.locator("#detail").inner_text(), "it is shown as it stands"
    assert opened.is_clean()


@pytest.mark.parametrize("text", [TEXT, (TEXT + "\n") * (1_000_000 // len(TEXT) + 1)], ids=["lures", "1 MB"])
def test_no_text_runs_or_reaches_out_in_a_report(browser, tmp_path, text):
    tally = JobTally()
    for n, lure in enumerate(LURES):
        fields = {
            lure: {"prob": 0.1 * n, "kind": "string", "where": [0, 3], "source": {"start": n, "end": n + len(lure)}}
        }
        record = {"line": n, "output": {lure: lure, "text": text}, "fields": fields, "log_prob": -1.0}
        tally.add(JobRow(n, lure, n, lure, None, record, 3, 1.0, text))
        tally.add(JobRow(n, lure, n, lure, lure, {"error": lure + text}, 0, 0.0))
    opened = Opened(browser, tmp_path, job_page(tally, name=LURES[0], plan={LURES[1]: LURES[2]}))
    for one in opened.page.locator("summary").all()[:4]:
        one.click()
    assert LURES[0] in opened.page.locator("h1").inner_text()
    assert opened.is_clean()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_paper(browser, tmp_path, result, scheme):
    """By WCAG's contrast, 4.5 to 1."""
    opened = Opened(browser, tmp_path, result.page("The code is AB-1234."))
    opened.page.emulate_media(color_scheme=scheme)
    contrast = """(name) => {
      const linear = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
      const light = (text) => {
        const [r, g, b] = text.match(/[\\d.]+/g).map((v) => linear(Number(v) / 255));
        return .2126 * r + .7152 * g + .0722 * b;
      };
      const probe = document.createElement("p");
      probe.style.color = `var(--${name})`;
      document.body.append(probe);
      const a = light(getComputedStyle(probe).color), b = light(getComputedStyle(document.body).backgroundColor);
      return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    }"""
    for name in ("ink", "dim", "model", "constraint", "guide", "draw", "revision", "bad", "accent"):
        assert opened.page.evaluate(contrast, name) >= 4.5, name
