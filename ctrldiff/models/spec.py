"""What has to be known about a model to drive it: data only, storable in `config.json` under `"ctrldiff"`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral, Real
from types import UnionType
from typing import Any, Literal, get_args, get_type_hints

from ctrldiff.errors import ModelError, NoEndToken, NoMaskId


@dataclass(frozen=True)
class ModelSpec:
    """How one diffusion language model is read.

    Fields, of the tokens:
        stop_ids: tokens that end a text; `pad_id` may follow them.
        n_tokens: how many ids the tokenizer has; rows of logits at or above it are never written.
        noise: "mask" (open positions hold `mask_id`) or "uniform" (open positions hold random tokens).
        banned_ids: never written, besides the mask, pad and bos ids and every row at or above `n_tokens`.

    Fields, of the network:
        logit_shift: 1 if the network scores the next position (Dream, DiffuLLaMA), 0 if the position itself.
            A sequence's very first position has no row before it, so its own row must do.
        output: what a row of the network is: "logits", "log_probs" (both are scores of the clean token), or
            "log_score" (log ratios to the present token, SEDD).
        time_input: "t" if the network is called with the time too: (N,), the share of the canvas that is noise.
        attention: "full" (every token sees every other), "block_causal" (its own block of `block_length` and
            those before it; blocks are counted from the start of the sequence), "causal" (and by what is written more,
            as the family's driver has it: `models/written_first.py`), or "encoder_decoder" (a causal prompt, a canvas
            in which all see all).
        cache: "none"; "prefix": what precedes the active block is kept, exactly (block-causal attention);
            "approximate": what is outside the active block, of `block_length`, is kept as it was when the block began
            (full attention).
        ahead: with "prefix", blocks behind the active one that are forwarded too, for loops that write blocks in order;
            of positions behind them the model does not speak. None: all.
        padding: "masked" if the network is called with the length of each row too, (N,) int64 after the ids and the
            time, and hides what lies behind it, so that rows of unequal length share a call; "none": they do not.
        first_token_ar: the first token of each block is the one that the row before the block predicts.
        ntk: a factor on the base of the rotary positions, which stretches the context (NTK-aware scaling; for
            diffusion models LongLLaDA, arXiv:2506.14429). 1 leaves the model as it was trained.

    Fields, of decoding:
        context: most tokens of prompt and answer together.
        edits: the model was trained to change what is written (LLaDA2.1, GIDD, uniform noise); an edit policy for one
            that was not is warned of.
        hidden_prompts: the model was trained on enough answers behind a hidden prompt (its noise at every position of
            the prompt) for `guide.ClassifierFree` to compare with; one of which that is not known is warned of.
        rooms: the model was trained to read objects whose keys are in place, each value in a room of its own
            (`layout.Rooms`): its default plan is `Plan.rooms()`.
        prompt: the prompt's template, empty for a model that reads no text; its places (`models/prompt.py`) are encoded
            as plain text, the rest with special tokens. Chat models get theirs from the tokenizer's chat template, with
            `system` as its system message, `turn` as the template of what the user says, and `chat_template_kwargs` as
            further arguments of its own.
        ask: the style of `{ask}`: "described" with all that its schema says, or "keys", the terse form of
            `ctrldiff.types.ask` for models trained on that.
        round_to: the sequence is filled up to a multiple of this, so that rows of like length share a batch without
            padding masks: with masks behind an open end, else with stop tokens. 1 for models that have not seen such
            a tail.
        canvas: answer positions beyond those of the shortest legal answer, when the caller does not say how many; more
            where the type has more fields than that is room for, and the canvas grows when an answer fills it.
        prose: the same for a type that may go on without end (a free text, a string of any length); None: as `canvas`.
        family: the name of the family that builds the network, see `ctrldiff models`; "" to recognise it.
        ignores: words of `config.json` that would be refused as another network's, and that the caller knows to
            change no logits.
    Raises: NoMaskId, NoEndToken, or ModelError that names the field.
    """

    stop_ids: tuple[int, ...]
    n_tokens: int
    context: int
    noise: Literal["mask", "uniform"] = "mask"
    mask_id: int | None = None
    pad_id: int | None = None
    bos_id: int | None = None
    banned_ids: tuple[int, ...] = ()
    logit_shift: Literal[0, 1] = 0
    output: Literal["logits", "log_probs", "log_score"] = "logits"
    time_input: Literal["none", "t"] = "none"
    attention: Literal["full", "block_causal", "causal", "encoder_decoder"] = "full"
    block_length: int | None = None
    cache: Literal["none", "prefix", "approximate"] = "none"
    ahead: int | None = None
    padding: Literal["masked", "none"] = "none"
    first_token_ar: bool = False
    ntk: float = 1.0
    edits: bool = False
    hidden_prompts: bool = False
    rooms: bool = False
    prompt: str = "{text}"
    system: str = ""
    turn: str = ""
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    ask: Literal["described", "keys"] = "described"
    round_to: int = 1
    canvas: int = 48
    prose: int | None = None
    family: str = ""
    ignores: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(ModelSpec).items():
            allowed = get_args(hint)
            if allowed and all(isinstance(one, str | int) for one in allowed) and getattr(self, name) not in allowed:
                raise ModelError(f"{name}={getattr(self, name)!r}", hint=f"one of {', '.join(map(repr, allowed))}")
            _check_kind(name, getattr(self, name), hint)
        if self.prompt and "{text}" not in self.prompt:
            raise ModelError(f"the prompt {self.prompt[:80]!r} has no {{text}}", hint="where the text is to stand")
        if self.noise == "mask" and self.mask_id is None:
            raise NoMaskId(
                "the model has no mask token and is not declared a uniform-noise model",
                hint='pass mask_id=..., or noise="uniform" if open positions hold random tokens',
            )
        if self.output == "log_score" and self.logit_shift:
            raise ModelError(
                'output="log_score" with logit_shift=1: a score speaks of the token at its own position',
                hint="convert in the network, and leave output out",
            )
        if not self.stop_ids:
            raise NoEndToken("no token ends a text", hint="pass stop_ids=[...]")
        if self.attention == "block_causal" and (self.block_length or 0) < 1:
            raise ModelError(f'attention="block_causal" with block_length={self.block_length}', hint="at least 1")
        for name in ("prose", "ahead"):
            if getattr(self, name) is not None and not getattr(self, name) >= 0:
                raise ModelError(f"{name}={getattr(self, name)}: at least 0", hint=f"pass {name}=..., or leave it out")
        for name, least in (("n_tokens", 1), ("context", 1), ("round_to", 1), ("canvas", 0), ("ntk", 1)):
            if not getattr(self, name) >= least:
                raise ModelError(f"{name}={getattr(self, name)}: at least {least}", hint=f"pass {name}=...")

    @staticmethod
    def from_dict(data: dict[str, Any]) -> ModelSpec:
        """Read a spec from JSON data; unknown keys are an error that lists the known ones."""
        known = {f.name for f in fields(ModelSpec)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise ModelError(f"unknown spec fields {unknown}", hint=f"known: {', '.join(sorted(known))}")
        missing = sorted({"stop_ids", "n_tokens", "context"} - set(data))
        if missing:
            raise ModelError(f"the spec lacks {missing}", hint='add them to config.json under "ctrldiff"')
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return ModelSpec(**values)

    def to_dict(self) -> dict[str, Any]:
        """JSON data that `from_dict` reads: what to write under `"ctrldiff"` in `config.json`."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @property
    def never_written(self) -> tuple[int, ...]:
        """Ids that no decode may write, sorted."""
        special = (self.mask_id, self.pad_id, self.bos_id)
        ids = {*self.banned_ids, *(i for i in special if i is not None)} - set(self.stop_ids)
        return tuple(sorted(ids))


NULLABLE = frozenset(one.name for one in fields(ModelSpec) if "None" in str(one.type))  # to whom None is a value
# What a field's type is in words, and whether a value is of it.
_KINDS: Mapping[Any, tuple[str, Callable[[Any], bool]]] = {
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: isinstance(value, Integral) and not isinstance(value, bool)),
    float: ("a number", lambda value: isinstance(value, Real) and not isinstance(value, bool)),
    str: ("a text", lambda value: isinstance(value, str)),
    tuple[int, ...]: ("a list of token ids", lambda value: _list_of(value, Integral)),
    tuple[str, ...]: ("a list of words", lambda value: _list_of(value, str)),
    Mapping[str, Any]: ("a dict", lambda value: isinstance(value, Mapping)),
}


def _list_of(value: Any, kind: type) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(one, kind) for one in value)


def _check_kind(name: str, value: Any, hint: Any) -> None:
    """Raise ModelError for a field of another kind than its type says; of a type that may be null, None is."""
    if value is None and name in NULLABLE:
        return
    for one in get_args(hint) if isinstance(hint, UnionType) else (hint,):
        if one in _KINDS and not _KINDS[one][1](value):
            raise ModelError(f"{name}={value!r}"[:200], hint=_KINDS[one][0])
