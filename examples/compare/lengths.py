"""How long a canvas should be: `python -m examples.compare.lengths [--documents 30]`.

Held-out documents of the model card, known phrasings, each with its schema. The rule of writing is one for all lines
but the last two, blocks of 32 and a threshold of .9: canvases of a length, the length posterior in them, DAEDAL and
rho-EOS in a canvas of 128; then the front door's rule in canvases of 128, and the front door as it is, which lays its
canvas out by the text. For each: fields right and whole objects, forward passes, positions of the canvas that were
forwarded in all of them, and the positions that a canvas had at the end against those of its answer.
"""

import argparse
import warnings
from statistics import mean
from typing import Any

import ctrldiff as cd
from examples.compare.measure import Question, documents, same

MOST = 128  # positions of a canvas that may grow


def plans(model: cd.Model) -> dict[str, dict[str, Any]]:
    """What each line gives the front door."""
    ends, fast = model.loaded.spec.stop_ids, cd.Plan.preset("fast_dllm")
    return {
        "64 positions": {"plan": fast, "max_new_tokens": 64},
        "128 positions": {"plan": fast, "max_new_tokens": MOST},
        "64, length posterior first": {"plan": fast.but(constrain=cd.constrain.LengthFirst), "max_new_tokens": 64},
        "128, length posterior first": {"plan": fast.but(constrain=cd.constrain.LengthFirst), "max_new_tokens": MOST},
        "DAEDAL from 16": {"plan": cd.Plan.preset("daedal", ends=ends, initial=16), "max_new_tokens": MOST},
        "DAEDAL from 64": {"plan": cd.Plan.preset("daedal", ends=ends), "max_new_tokens": MOST},
        "rho-EOS from 16": {"plan": cd.Plan.preset("rho_eos", ends=ends, initial=16), "max_new_tokens": MOST},
        "rho-EOS from 64": {"plan": cd.Plan.preset("rho_eos", ends=ends), "max_new_tokens": MOST},
        "rho-EOS from 64, its code's measure": {
            "plan": cd.Plan.preset("rho_eos", ends=ends, measure="confidence"),
            "max_new_tokens": MOST,
        },
        "the front door's rule, 128 positions": {"plan": cd.Plan(), "max_new_tokens": MOST},
        "the front door": {"plan": cd.Plan()},
    }


def line(model: cd.Model, questions: list[Question], plan: cd.Plan, **how: Any) -> str:
    """The figures of one line."""
    hits, whole, passes, forwarded, canvas, answer = [], [], [], [], [], []
    for one in questions:
        lengths: list[int] = []

        def note(move, state, step, lengths=lengths):
            lengths.append(int(move.before.lengths[0]))
            return state

        generator = cd.Generator(model, one.schema, plan=plan.but(observers=(*plan.observers, note)), **how)
        result = generator(one.text)
        right = [key in result.output and same(result.output[key], value) for key, value in one.pairs]
        hits += right
        whole.append(all(right))
        passes.append(result.usage.forwards)
        forwarded.append(sum(lengths))
        canvas.append(lengths[-1] if lengths else 0)
        answer.append(len(model.loaded.plain_ids(result.raw)))
    return (
        f"{mean(hits):.0%} | {mean(whole):.0%} | {mean(passes):.1f} | {mean(forwarded):.0f} | "
        f"{mean(canvas):.0f} / {mean(answer):.0f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=30)
    parser.add_argument("--only", default="", help="lines whose name has this in it")
    options = parser.parse_args()
    warnings.simplefilter("ignore", cd.errors.CanvasWarning)
    model = cd.from_pretrained("tiny")
    questions = documents(model, "known", options.documents)
    print("| canvas | fields | whole | passes | positions forwarded | canvas / answer |")
    print("|---|---|---|---|---|---|")
    for name, how in plans(model).items():
        if options.only in name:
            print(f"| {name} | {line(model, questions, **how)} |", flush=True)


if __name__ == "__main__":
    main()
