"""The command line: parse, call the front door, show. Heavy imports happen inside the commands."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

# What `check` compiles spans over when it is given no text.
EXAMPLE = "Invoice INV-20931 of 3 March 2026. Bill to: Maria Jensen, 12 Harbour Road, Bristol. Total due: EUR 308.80."

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Typed, guaranteed answers from masked-diffusion language models.",
)

bias = typer.Typer(no_args_is_help=True, help="Tables of token scores, for guidance.")
app.add_typer(bias, name="bias")

SchemaArgument = Annotated[str, typer.Argument(help="A JSON Schema: a file, or the JSON itself.")]
SchemaOption = Annotated[str, typer.Option("--schema", "-s", help="A JSON Schema: a file, or the JSON itself.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", help='"tiny" (in the box) or a model folder.')]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Forward passes at most; default: as many as needed.")]
TokensOption = Annotated[int | None, typer.Option(min=1, help="Positions for the answer.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Fixes every draw.")]
UnsureOption = Annotated[
    str, typer.Option(help='Values that were forced on the model: "flag" them, put "null" where allowed, or "error".')
]
TemperatureOption = Annotated[float, typer.Option(min=0, help="0: the most probable; above: exact samples.")]
GuideOption = Annotated[
    list[str] | None,
    typer.Option(
        "--guide", help="Lean towards: sentiment=positive:2.0, prompt:1.5, words=battery,charge:3; repeatable."
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Threads of the network; default: one for a small one (docs/extract.md).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def _version(wanted: bool) -> None:
    if wanted:
        from ctrldiff.version import VERSION

        print(f"ctrldiff {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: typed errors become one readable message and exit status 2."""
    with _errors():
        app()


@contextmanager
def _errors() -> Iterator[None]:
    from ctrldiff.errors import CtrldiffError

    try:
        yield
    except CtrldiffError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


@app.command()
def check(
    schema: SchemaArgument,
    model: ModelOption = "tiny",
    explain: Annotated[
        str | None, typer.Option(help="An instance, as JSON: is it in the language, or why not?")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help='The text that values of "x-span" stand in; default: an example.')
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a schema: what is enforced, narrowed and refused, and how large the answer can be.

    With "x-span" it is another automaton for every text: the one told of is that of --text, or of an example.
    """
    from dataclasses import asdict

    from ctrldiff.automata.compile import compile_expression
    from ctrldiff.automata.token_automaton import lift
    from ctrldiff.constraints.json_schema import JsonSchema
    from ctrldiff.posterior.table import Table

    description = JsonSchema(schema)
    spans = description.has_spans
    if spans:
        description = description.over(EXAMPLE if text is None else text)
    report = description.report()
    if not report.refused:
        from ctrldiff.generate import from_pretrained

        loaded = from_pretrained(model)
        vocabulary, canvas = loaded.vocabulary, loaded.loaded.spec.canvas
        # The kernels are loaded by another schema, so that the times are those of this one.
        JsonSchema({"type": "string", "pattern": "a", "maxLength": 2}).compile(vocabulary)
        # As it is decoded: a recursion as deep as the usual canvas reaches.
        description = description.reaching(description.compile(vocabulary).shortest + canvas, vocabulary)
        report = description.report()
    facts: dict[str, Any] = {
        "enforced": dict(report.enforced),
        "narrowed": [{"pointer": at, "how": how} for at, how in report.narrowed],
        "refused": [{"pointer": at, "keyword": keyword, "why": why} for at, keyword, why in report.refused],
        "ignored": [{"pointer": at, "keyword": keyword, "why": why} for at, keyword, why in report.ignored],
        "unknown": [{"pointer": at, "keyword": word, "meant": meant} for at, word, meant in report.unknown],
    }
    if not report.refused:  # what `run` and `extract` leave out besides, for a text that holds nothing of the kind
        plain = description.plain(text or "").report().narrowed
        facts["plain"] = [{"pointer": at, "how": how} for at, how in plain if (at, how) not in report.narrowed]
    if spans:
        facts["text"] = description.document
    if not report.refused:
        began = time.perf_counter()
        dfa = compile_expression(description.expression())  # anew, whatever is remembered
        built = time.perf_counter()
        table = Table(lift(dfa, vocabulary), vocabulary)
        finished = time.perf_counter()
        farthest = int(dfa.ahead[1][0])
        facts |= {
            "states": dfa.n_states,
            "shortest": (dfa.shortest() or b"").decode(),
            "bytes": {"shortest": len(dfa.shortest() or b""), "longest": None if farthest < 0 else farthest},
            "tokens": {
                "vocabulary": vocabulary.size,
                "states": table.n_states,
                "classes": table.n_classes,
                "edges": table.n_edges,
                "shortest": table.shortest,
                "longest": table.longest,
            },
            "seconds": {
                "automaton": round(built - began, 4),
                "token_table": round(finished - built, 4),
            },
        }
        if explain is not None:
            from ctrldiff.constraints.json_schema.explain import explain as explanation

            facts["explained"] = asdict(explanation(description, explain))
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        from ctrldiff.show import show_check

        show_check(facts)
    if report.refused or not facts.get("explained", {"accepted": True})["accepted"]:
        raise SystemExit(1)


@app.command()
def run(
    text: Annotated[str, typer.Argument(help='The text; "-" reads standard input.')],
    schema: Annotated[str | None, typer.Option("--schema", "-s", help="A JSON Schema: a file, or JSON.")] = None,
    regex: Annotated[str | None, typer.Option(help="A pattern the answer has to match.")] = None,
    choice: Annotated[
        list[str] | None,
        typer.Option(help="Labels to choose from, separated by commas; or one label each time, commas and all."),
    ] = None,
    ask: Annotated[str | None, typer.Option(help="The name of the wanted value, for a bare one.")] = None,
    model: ModelOption = "tiny",
    steps: StepsOption = None,
    max_new_tokens: TokensOption = None,
    temperature: TemperatureOption = 0.0,
    seed: SeedOption = 0,
    unsure: UnsureOption = "flag",
    guide: GuideOption = None,
    threads: ThreadsOption = None,
    show: Annotated[bool, typer.Option("--show", help="Show the canvas filling up.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Decode one text."""
    from ctrldiff.constraints.basic import Choice, Regex
    from ctrldiff.constraints.json_schema import JsonSchema
    from ctrldiff.errors import InputError

    given = [
        name
        for name, value in (("--schema", schema), ("--regex", regex), ("--choice", choice or None))
        if value is not None
    ]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} cannot go together", hint="give one")
    wanted: Any = str
    if schema is not None:
        wanted = JsonSchema(schema, optional="write")
    elif regex is not None:
        wanted = Regex(regex)
    elif choice:
        wanted = Choice(_labels(choice))
    from ctrldiff.generate import Generator, from_pretrained

    generator = Generator(
        from_pretrained(model, threads=threads),
        wanted,
        ask=ask,
        steps=steps,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        seed=seed,
        unsure=_word("unsure", unsure),
        guidance=_guides(guide),
        trace=show,
    )
    result = generator(sys.stdin.read() if text == "-" else text)
    if as_json:
        facts = {"output": result.output, "raw": result.raw, "prob": result.prob, "usage": vars(result.usage)}
        facts |= {"full": result.full, "flags": [vars(flag) for flag in result.flags]}
        print(json.dumps(facts | ({"probs": result.probs} if result.probs else {}), ensure_ascii=False))
        return
    from ctrldiff.show import show_result

    show_result(result, pretty=schema is not None)


def _labels(said: list[str]) -> list[str]:
    """One option holds labels with commas between them; each of several is a label as it stands."""
    from ctrldiff.errors import InputError

    labels = [label.strip() for label in (said[0].split(",") if len(said) == 1 else said)]
    if not all(labels):
        raise InputError(
            f"--choice {' --choice '.join(map(repr, said))}: a label is empty",
            hint="leave out a comma; for labels with commas in them: --choice 'one, two' --choice three",
        )
    return labels


def _word(name: str, value: str) -> Any:
    from ctrldiff.arguments import WORDS
    from ctrldiff.errors import InputError

    if value not in WORDS[name]:
        raise InputError(f"--{name} {value}", hint=f"one of {', '.join(WORDS[name])}")
    return value


def _guides(texts: list[str] | None) -> list[Any]:
    if not texts:
        return []
    from ctrldiff.guidance.words import read_guide

    return [read_guide(text) for text in texts]


@app.command()
def extract(
    file: Annotated[Path, typer.Argument(help='JSON lines, one document each; "-" reads standard input.')],
    schema: SchemaOption,
    out: Annotated[Path, typer.Option("--out", "-o", help='Where answers go, JSON lines; "-" is standard output.')],
    field: Annotated[str, typer.Option(help="The key that holds a document's text.")] = "text",
    failed: Annotated[
        Path | None,
        typer.Option(
            help="Where lines that fail go, with why. Default: OUT.failed.jsonl, or standard error if OUT is a stream."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew, whatever is in OUT.")] = False,
    model: ModelOption = "tiny",
    steps: StepsOption = None,
    max_new_tokens: TokensOption = None,
    temperature: TemperatureOption = 0.0,
    seed: SeedOption = 0,
    unsure: UnsureOption = "flag",
    guide: GuideOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Documents per forward pass.")] = 16,
    threads: ThreadsOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first line that cannot be used.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn a file of documents into a file of objects. The same command goes on where a stopped one was.

    Exit status: 0 if every line has an answer; 1 if some failed; 2 if the run is refused or cannot go on, with the
    reason; 130 and 143 after Ctrl-C and SIGTERM. Whatever ends it, the files hold whole lines.
    """
    from ctrldiff.constraints.json_schema import JsonSchema
    from ctrldiff.extract.ledger import refuse_foreign
    from ctrldiff.extract.places import STREAM, Places
    from ctrldiff.extract.stop import Terminated, terminable

    # What can be refused without a model is refused before it is loaded.
    places = Places.of(file, out, failed)
    refuse_foreign(places, overwrite)
    wanted = JsonSchema(schema, optional="write")
    places.spare(schema)
    if wanted.over("a text").report().refused:
        wanted.over("a text").expression()

    from ctrldiff.extract.job import extract_file
    from ctrldiff.show import extraction, show_summary

    came: list[int | None] = [0, None]
    try:
        with terminable(), extraction(hidden=as_json or places.failed == STREAM) as bar:

            def report(done: int, total: int | None) -> None:
                came[:] = done, total
                bar(done, total)

            from ctrldiff.generate import Generator, from_pretrained

            generator = Generator(
                from_pretrained(model, threads=threads),
                wanted,
                steps=steps,
                max_new_tokens=max_new_tokens,
                temperature=temperature,
                seed=seed,
                unsure=_word("unsure", unsure),
                guidance=_guides(guide),
                batch_size=batch_size,
            )
            how: dict[str, Any] = {"field": field, "failed": failed, "strict": strict, "overwrite": overwrite}
            summary = extract_file(generator, file, out, report=report, **how)
    except KeyboardInterrupt as stopped:
        of = "" if came[1] is None else f" of {came[1]}"
        go_on = "run the same command to go on" if places.continuable else "a stream cannot be gone on with"
        print(f"stopped: {came[0]}{of} lines done; {go_on}", file=sys.stderr)
        raise SystemExit(143 if isinstance(stopped, Terminated) else 130) from None
    if as_json:
        print(json.dumps(vars(summary)), file=sys.stderr if places.out == STREAM else sys.stdout)
    else:
        show_summary(summary)
    if summary.failed:
        raise SystemExit(1)


@app.command()
def calibrate(
    file: Annotated[Path, typer.Argument(help='JSON lines: {"text", "label", "labels"} or {"probs", "label"}.')],
    svg: Annotated[Path | None, typer.Option(help="Where the reliability diagram goes.")] = None,
    bins: Annotated[int, typer.Option(min=1, help="Bins of each kind.")] = 10,
    ask: Annotated[str | None, typer.Option(help="The name of the wanted value.")] = None,
    model: ModelOption = "tiny",
    batch_size: Annotated[int, typer.Option(min=1, help="Texts per forward pass.")] = 16,
    as_json: JsonOption = False,
) -> None:
    """Measure decisions: accuracy, calibration error, Brier score, log loss, and a reliability table."""
    from ctrldiff.calibrate import Question, predict, read_lines, show
    from ctrldiff.calibration import Prediction, report
    from ctrldiff.calibration import svg as drawn
    from ctrldiff.errors import InputError

    lines = read_lines(file)
    predictions = [line for line in lines if isinstance(line, Prediction)]
    if any(isinstance(line, Question) for line in lines):
        from ctrldiff.generate import from_pretrained

        predictions = predict(from_pretrained(model), lines, ask=ask, batch_size=batch_size)
    measured = report(predictions, bins)
    if svg is not None:
        try:
            svg.write_text(drawn(measured, title=file.name), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{str(svg)!r} cannot be written: {error.strerror}") from error
    if as_json:
        facts = vars(measured) | {
            "log_loss": None if measured.log_loss == float("inf") else measured.log_loss,
            "mass": [vars(one) for one in measured.mass],
            "width": [vars(one) for one in measured.width],
        }
        print(json.dumps(facts, allow_nan=False))
    else:
        show(measured)


@bias.command()
def fit(
    positive: Annotated[Path, typer.Argument(help="Texts to lean towards, one a line.")],
    negative: Annotated[Path, typer.Argument(help="Texts to lean away from, one a line.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the table goes, .safetensors.")],
    smooth: Annotated[float, typer.Option(help="Added to every count.")] = 1.0,
    model: ModelOption = "tiny",
    as_json: JsonOption = False,
) -> None:
    """Learn what each token is worth from two small corpora; use it with --guide bias=TABLE:STRENGTH."""
    from ctrldiff.errors import InputError
    from ctrldiff.generate import from_pretrained
    from ctrldiff.guidance.tokens import TokenTable

    loaded = from_pretrained(model).loaded
    texts = []
    for path in (positive, negative):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{str(path)!r} cannot be read: {error}") from error
        texts.append([loaded.plain_ids(line) for line in lines if line.strip()])
    table = TokenTable.fit(texts[0], texts[1], loaded.denoiser.vocabulary, smooth=smooth)
    table.save(out)
    ends = {"towards": table.best(10), "away": table.best(-10)}
    if as_json:
        print(json.dumps({"texts": [len(one) for one in texts], **ends}, ensure_ascii=False))
        return
    print(f"{out}: {len(texts[0])} against {len(texts[1])} texts")
    for name, best in ends.items():
        print(f"{name:>8}  " + "  ".join(f"{text.strip() or repr(text)} {score:+.1f}" for text, score in best))


@app.command()
def models(
    path: Annotated[str | None, typer.Argument(help='A model folder, or "tiny"; none: the families.')] = None,
    weights: Annotated[bool, typer.Option("--weights", help="Read the weights too, and name every wrong key.")] = False,
    family: Annotated[str, typer.Option(help="Take the folder for one of this family.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the families of models; or say what a folder was recognised as, why, and what it lacks."""
    from ctrldiff.models.hf import resolve
    from ctrldiff.models.report import families, report, show_families, show_report

    if path is None:
        rows = families()
        print(json.dumps(rows)) if as_json else show_families(rows)
        return
    facts = report(resolve(path), weights=weights, **({"family": family} if family else {}))
    print(json.dumps(facts)) if as_json else show_report(facts)
    if facts["missing"]:
        raise SystemExit(1)
