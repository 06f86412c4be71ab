"""A model folder read but for its weights: what it is, why, and what about it is said by nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctrldiff.errors import ModelError, NoEndToken, UnknownArchitecture, warn
from ctrldiff.models.chat import TURN, Chat, chat_of, plain_prompt
from ctrldiff.models.family import ASSUMED, Config, Family
from ctrldiff.models.prompt import check_template
from ctrldiff.models.registry import Recognised, recognise
from ctrldiff.models.remote import remote
from ctrldiff.models.spec import NULLABLE, ModelSpec
from ctrldiff.models.tokenizer import load_tokenizer
from ctrldiff.models.weights import weight_files
from ctrldiff.models.words import Words, check_evidence, check_kinds, check_words, table

PROSE = 128  # `ModelSpec.prose` of chat models: LLaDA's and Dream's own loops give a short answer 128 positions


@dataclass(frozen=True)
class Described:
    """A folder, read but for its weights.

    Fields: folder; config; recognised (the family, and why); tokenizer; said (spec fields, as they are found in the
        tokenizer, the config, the family, `config.json` under "ctrldiff" and the keywords; the later wins); chat (the
        tokenizer's chat template, if the prompt is made of it).
    """

    folder: Path
    config: Config
    recognised: Recognised
    tokenizer: Any
    said: Mapping[str, Any]
    chat: Chat | None = None

    @property
    def spec(self) -> ModelSpec:
        """The spec. Raises NoMaskId, NoEndToken or ModelError for what nobody says, or says of another network."""
        if not self.said["stop_ids"]:
            raise NoEndToken(
                f"{str(self.folder)!r}: neither the config nor the tokenizer names an end token",
                hint="pass stop_ids=[...]",
            )
        spec = ModelSpec.from_dict(dict(self.said))
        family = self.recognised.family
        if family.reads is not None:
            check_words(self.config, family.reads, family.only, spec.ignores)
        return spec


def describe(path: Path | str, *, trust_remote_code: bool = False, revision: str = "", **overrides: Any) -> Described:
    """Read everything of a model folder but its weights. Overrides are fields of `ModelSpec`; None says
    nothing but to those that may be None."""
    folder = Path(path)
    config = read_config(folder)
    weight_files(folder)
    try:
        if trust_remote_code:
            recognised = Recognised(remote(folder, revision), f"trust_remote_code at {revision}")
            overrides["family"] = ""  # the name of no family of the registry
        elif revision:
            raise ModelError(
                f"revision={revision!r} without trust_remote_code=True",
                hint="what is loaded is the folder, whatever its revision: leave it out",
            )
        else:
            recognised = recognise(config, overrides.get("family", ""))
            check_kinds(config)
    except UnknownArchitecture as error:
        if not config.get("auto_map"):
            raise
        own = sorted(map(str, config["auto_map"].values()))
        raise UnknownArchitecture(
            f"{str(folder)!r} asks to run its own Python ({', '.join(own[:3])})",
            why=f"and {error.message}",
            hint=f"{error.hint}\nor read that code, then trust_remote_code=True and revision= the commit that was read",
            **error.facts,
        ) from error
    tokenizer = load_tokenizer(folder, recognised.family.tokenizer)
    told = {**table(config, "ctrldiff"), **overrides}
    told = {name: value for name, value in told.items() if value is not None or name in NULLABLE}
    chat = _chat(tokenizer, told)
    said = _said(folder, config, tokenizer, recognised.family, told, chat)
    return Described(folder, config, recognised, tokenizer, said, chat)


def _chat(tokenizer: Any, told: Mapping[str, Any]) -> Chat | None:
    """The chat template, with what is said of it, where no prompt is said that takes its place. Raises: ModelError for
    what is said of a template where none is used."""
    chat = None
    if "prompt" not in told:
        turn = check_template(told.get("turn") or TURN)
        chat = chat_of(tokenizer, told.get("system", ""), turn, told.get("chat_template_kwargs"))
    named = [name for name in ("system", "turn", "chat_template_kwargs") if told.get(name)]
    if named and chat is None:
        raise ModelError(f"{named[0]}= is for a chat template, and there is none", hint="say it in prompt=")
    return chat


def read_config(folder: Path) -> Words:
    """`config.json` as data. Raises ModelError for a path that is no model folder."""
    if not folder.is_dir():
        near = sorted(p.parent.name for p in folder.parent.glob("*/config.json")) if folder.parent.is_dir() else []
        hint = f"near: {', '.join(near[:5])}\n" if near else ""
        hint += 'use "tiny", "small" or "puzzles", or the path of a model folder'
        if re.fullmatch(r"[\w.-]+/[\w.-]+", str(folder)):  # as the hub names models
            hint += f"\nnothing is downloaded here; to get one: hf download {folder} --local-dir {folder.name}"
        raise ModelError(f"{str(folder)!r} is not a folder", hint=hint)
    if not (folder / "config.json").is_file():
        hint = "a model folder holds config.json, *.safetensors, tokenizer.json"
        if (folder / "adapter_config.json").is_file():
            hint = "it is an adapter: from_pretrained(THE MODEL'S FOLDER, adapter=THIS)"
        raise ModelError(f"{str(folder)!r} has no config.json", hint=hint)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{str(folder / 'config.json')!r} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{str(folder / 'config.json')!r} is not a JSON object")
    check_evidence(config)
    return Words(config)


def _said(
    folder: Path, config: Config, tokenizer: Any, family: Family, own: Mapping[str, Any], chat: Chat | None
) -> dict[str, Any]:
    """The fields of the spec, each from where it is said last; `own` are those that are said as such."""
    facts = family.facts(config)
    if facts.get("noise", "mask") == "mask":
        facts["mask_id"] = _first(config.get("mask_token_id"), tokenizer.mask_token_id, facts.get("mask_id"))
    if ASSUMED in facts:
        facts["block_length"] = facts.pop(ASSUMED)
        if "block_length" not in own:
            warn(
                f"config.json says no block length: {facts['block_length']} is assumed, as {family.name} usually has; "
                "block_length=... says it",
                UserWarning,
            )
    told = {**facts, **own}
    found: dict[str, Any] = {
        "pad_id": _first(config.get("pad_token_id"), tokenizer.pad_token_id),
        "bos_id": _first(config.get("bos_token_id"), tokenizer.bos_token_id),
        "banned_ids": sorted(one for one, token in tokenizer.added_tokens_decoder.items() if token.special),
        "n_tokens": len(tokenizer),
        "context": config.get("max_position_embeddings", 512),
        "family": family.name,
        "padding": family.padding,
    }
    if "prompt" not in told:
        found["prompt"] = plain_prompt(tokenizer) if chat is None else chat.prompt
    if chat is not None:
        found["prose"] = PROSE
    ends = [config.get("eos_token_id"), _generation(folder).get("eos_token_id"), tokenizer.eos_token_id]
    ends += [facts.get("stop_ids"), None if chat is None else chat.end_id]
    found |= facts
    found["stop_ids"] = sorted({one for end in ends for one in _ids(end)})
    stops = told["stop_ids"] if "stop_ids" in own else found["stop_ids"]
    if told.get("attention") == "block_causal":
        found["round_to"] = told.get("block_length") or 1  # blocks are whole ones, as their published loops have them
    return {**found, **told, "stop_ids": stops, "family": family.name}


def _first(*said: Any) -> int | None:
    """The first that is said."""
    return next((one for given in said for one in _ids(given)), None)


def _ids(said: Any) -> tuple[int, ...]:
    """Token ids, of one or a list of them; some configs write -1 for none. Raises: ModelError for what is no id."""
    ids = said if isinstance(said, list | tuple) else [] if said is None else [said]
    if any(type(one) is not int for one in ids):
        raise ModelError(f"a token id is said to be {said!r}"[:200], hint="whole numbers, in config.json or beside it")
    return tuple(one for one in ids if one >= 0)


def _generation(folder: Path) -> dict[str, Any]:
    """`generation_config.json`, if there is one: chat models name further end tokens there."""
    path = folder / "generation_config.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise ModelError(f"{str(path)!r} is not JSON: {error}") from error
    return said if isinstance(said, dict) else {}
