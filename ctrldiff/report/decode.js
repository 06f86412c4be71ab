"use strict";
// Texts reach the page by textContent alone: whatever a document holds, it is never markup.
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const frames = data.frames, slider = at("step");
let shown = frames.length - 1, timer = null;

function make(tag, text, ...classes) {
  const node = document.createElement(tag);
  if (text !== null) node.textContent = text;
  node.classList.add(...classes.filter(Boolean));
  return node;
}

// The last step, up to this one, in which a position was open, and so had guesses.
function guesses(step, i, kind) {
  for (let s = step; s > 0; s--) if (frames[s][kind][i].length) return frames[s][kind][i];
  return [];
}

function visible(piece) { return piece === "" ? "\u220e" : piece; }

function told(piece) { return visible(piece).replace(/^ +| +$/g, (blanks) => "\u2423".repeat(blanks.length)); }

// Positions behind the text are ends; one is shown for all of them.
function length(pieces) {
  let n = pieces.length;
  while (n > 1 && pieces[n - 1] === "" && pieces[n - 2] === "") n--;
  return n;
}

function draw(step) {
  shown = step;
  const frame = frames[step], before = frames[Math.max(0, step - 1)];
  const canvas = make("div", null), own = make("div", null);
  for (let i = 0; i < length(frame.pieces); i++) {
    const piece = frame.pieces[i], open = piece === null;
    const node = make("span", open ? "\u00b7" : visible(piece), open ? "open" : frame.by[i]);
    if (!open && step && before.pieces[i] !== piece) node.classList.add("new");
    const sure = frame.sure[i];
    if (!open && sure !== null) node.style.backgroundColor = `rgba(var(--doubt), ${((1 - sure) * 0.75).toFixed(3)})`;
    node.dataset.i = i;
    node.tabIndex = 0;
    canvas.append(node);
    const [first] = guesses(step, i, "own");
    const alone = make("span", first ? visible(first[0]) : "\u00b7", first ? "" : "open");
    if (first && !open && first[0] !== piece) alone.classList.add("differs");
    alone.dataset.i = i;
    own.append(alone);
  }
  at("canvas").replaceChildren(...canvas.childNodes);
  at("own").replaceChildren(...own.childNodes);
  slider.value = step;
  at("count").textContent = `step ${step} of ${frames.length - 1}`;
}

function figure(prob) { return prob > 0 && prob < 0.001 ? prob.toExponential(1) : prob.toFixed(3); }

function table(title, rows) {
  const box = make("div", null), grid = make("table", null);
  box.append(make("h3", title));
  for (const [piece, prob] of rows) {
    const row = make("tr", null), bar = make("td", null), track = make("div", null, "track"), fill = make("i", null);
    fill.style.width = `${(100 * prob).toFixed(1)}%`;
    track.append(fill);
    bar.append(track);
    row.append(make("td", told(piece), "mono"), bar, make("td", figure(prob), "n"));
    grid.append(row);
  }
  box.append(rows.length ? grid : make("p", "nothing is noted: given, forced, or open still", "dim"));
  return box;
}

const WHO = {
  model: "the model: its own likeliest token", constraint: "the constraint: the model would have written another",
  guide: "a guide: the likeliest token of the guided model", draw: "a draw, or another choice of the proposer's",
  revision: "a revision: another token stood here before", "": "given, or not noted",
};

function tell(i) {
  const frame = frames[shown], piece = frame.pieces[i], box = make("div", null, "two"), head = make("p", null);
  const who = piece === null ? "open" : `${WHO[frame.by[i]]}${frame.sure[i] === null ? "" : `; confidence ${figure(frame.sure[i])}`}`;
  head.append(make("b", `position ${i}  `), make("span", piece === null ? "\u00b7" : told(piece), "mono"), make("span", `  ${who}`, "dim"));
  box.append(table("legal, by the posterior", guesses(shown, i, "legal")), table("the model alone", guesses(shown, i, "own")));
  at("detail").replaceChildren(head, box);
}

function light(value, on) {
  for (const node of document.querySelectorAll(`[data-v="${value}"]`)) node.classList.toggle("on", on);
  for (const i of data.values[value] || []) {
    const node = at("canvas").querySelector(`[data-i="${i}"]`);
    if (node) node.classList.toggle("on", on);
  }
}

for (const kind of ["mouseover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const token = event.target.closest("[data-i]"), value = event.target.closest("[data-v]");
    if (token) tell(Number(token.dataset.i));
    if (value) light(value.dataset.v, true);
  });
}
document.addEventListener("mouseout", (event) => {
  const value = event.target.closest("[data-v]");
  if (value) light(value.dataset.v, false);
});

function stop() {
  clearInterval(timer);
  timer = null;
  at("play").textContent = "Play";
}
slider.max = frames.length - 1;
slider.addEventListener("input", () => { stop(); draw(Number(slider.value)); });
at("play").addEventListener("click", () => {
  if (timer) return stop();
  if (shown === frames.length - 1) draw(0);
  at("play").textContent = "Pause";
  timer = setInterval(() => (shown < frames.length - 1 ? draw(shown + 1) : stop()), 450);
});
draw(frames.length - 1);
