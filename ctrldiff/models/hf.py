"""Models in a folder: `config.json`, `*.safetensors`, a tokenizer; loaded without remote code or pickle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import torch

from ctrldiff.errors import InputError, TokenizerMismatch
from ctrldiff.models.chat import Chat
from ctrldiff.models.describe import describe
from ctrldiff.models.devices import dtype_of, usable
from ctrldiff.models.family import Source
from ctrldiff.models.lora import read_adapter
from ctrldiff.models.prompt import Words, filled, short
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.threads import settle
from ctrldiff.models.tokenizer import inside, without
from ctrldiff.models.weights import weight_files, weights_digest
from ctrldiff.protocols import Denoiser
from ctrldiff.text import check_text
from ctrldiff.tokens.vocabulary import Vocabulary

BOX = {name: Path(__file__).parent / name for name in ("tiny", "small", "puzzles")}
TINY = BOX["tiny"]
Messages: TypeAlias = Sequence[tuple[str, str]]  # (role, content)
OPTIONS = ("device_map", "quantization_config", "attn_implementation")  # passed through to transformers


@dataclass(frozen=True)
class Loaded:
    """A denoiser and the words it reads: everything `ctrldiff.generate` needs of a model.

    Fields: chat: the chat template, where the prompt is made of one.        adapter: its folder, if one was merged.
    """

    name: str
    denoiser: Denoiser
    tokenizer: Any
    spec: ModelSpec
    folder: Path | None = None
    chat: Chat | None = None
    adapter: Path | None = None

    @property
    def digest(self) -> str:
        """What tells these weights from others, read in samples; empty for a model that came from no folder."""
        folders = [one for one in (self.folder, self.adapter) if one is not None]
        return "+".join(weights_digest(one) for one in folders)

    def prompt_ids(
        self,
        text: str | Messages,
        words: Words | str,
        *,
        template: str | None = None,
        shots: Sequence[tuple[str, str]] = (),
    ) -> list[int]:
        """The prompt's token ids. The text, and what is said of the wanted type, are encoded as plain text: a "<mask>"
        in them stays five characters and a word, never the special token.

        Args:
            text: the document; or a conversation, (role, content) of each message, the last of which is asked.
            words: what stands in the places of the template, see `models/prompt.py`; or what is asked for, in the
                short form, "" for nothing.
            template: in place of the model's own: of the user's turn, for a model with a chat template, and plain text
                then; else of the whole prompt, with special tokens.
            shots: texts and their answers, shown before: as turns, or as prompts with their answers.
        Raises: InputError for a conversation without a chat template, ModelError for one that the template refuses.
        """
        if isinstance(words, str):
            words = short(words)
        if self.chat is not None and (shots or template is not None or not isinstance(text, str)):
            return self._turns(self.chat, text, words, self.chat.turn if template is None else template, shots)
        if not isinstance(text, str):
            raise InputError(
                "a conversation needs a chat template, and this model's prompt has none",
                hint="one text with all of it; or load the model without prompt=, with turn=",
            )
        whole = self.spec.prompt if template is None else template
        ids: list[int] = []
        for shown, answer in shots:
            ids += self._filled(whole, shown, words)
            ids += [*self.plain_ids(answer, ids), self.spec.stop_ids[0]]
        return ids + self._filled(whole, text, words)

    def _filled(self, template: str, text: str, words: Words) -> list[int]:
        """One prompt; what is the template's own may be special."""
        ids: list[int] = []
        for piece, own in filled(template, text, words):
            ids += self._own_ids(piece, ids) if own else self.plain_ids(piece, ids)
        return ids

    def _turns(
        self, chat: Chat, text: str | Messages, words: Words, turn: str, shots: Sequence[tuple[str, str]]
    ) -> list[int]:
        """A conversation in the chat template; what the messages say is plain text, all of it."""
        said = [("user", text)] if isinstance(text, str) else list(text)
        first = next((n for n, (role, _) in enumerate(said) if role != "system"), len(said))
        contents = [[content] for _, content in said]
        contents[-1] = _pieces(turn, said[-1][1], words)
        shown = [one for example, answer in shots for one in (_pieces(turn, example, words), [answer])]
        roles = [role for role, _ in said]
        roles[first:first] = ["user", "assistant"] * len(shots)
        contents[first:first] = shown
        ids: list[int] = []
        for part in chat.frame(roles):
            if isinstance(part, str):
                ids += self._own_ids(part, ids) if part else []
            else:
                for piece in contents[part]:
                    ids += self.plain_ids(piece, ids)
        return ids

    def plain_ids(self, text: str, behind: Sequence[int] = ()) -> list[int]:
        """A text as tokens, none of them special. Raises: InputError for what cannot be written in UTF-8.

        Args: behind: the tokens that it goes on from. A tokenizer that puts a space before every text (Llama 2's) puts
            none behind other text.
        """
        check_text(text, "the text")
        if self._goes_on(behind):
            return self._inside[1].encode(text, add_special_tokens=False).ids
        # verbose: transformers warns of lengths that are checked, and refused by name, where the prompt is made.
        ids = self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True, verbose=False)
        if self._meaning.isdisjoint(ids):
            return ids
        return self._letters.encode(text, add_special_tokens=False).ids

    def _own_ids(self, piece: str, behind: Sequence[int]) -> list[int]:
        """A piece of the template's own, which may have special tokens: text goes on up to the first of them."""
        if not self._goes_on(behind):
            return self.tokenizer.encode(piece, add_special_tokens=False)
        found = self._inside[0].encode(piece, add_special_tokens=False)
        first = next((n for n, one in enumerate(found.ids) if one in self.tokenizer.added_tokens_decoder), None)
        if first is None:
            return found.ids
        rest = piece[found.offsets[first][0] :]
        return found.ids[:first] + self.tokenizer.encode(rest, add_special_tokens=False)

    def _goes_on(self, behind: Sequence[int]) -> bool:
        """Whether what stands behind these tokens is the middle of a text, to a tokenizer that begins texts its way."""
        return bool(behind) and self._inside[0] is not None and behind[-1] not in self.tokenizer.added_tokens_decoder

    @cached_property
    def _inside(self) -> tuple[Any, Any]:
        """The tokenizer in the middle of a text: for words of our own, and for plain text. None: as everywhere."""
        own = inside(self.tokenizer)
        return own, None if own is None else inside(self.tokenizer, self._meaning)

    @cached_property
    def _meaning(self) -> frozenset[int]:
        """Added tokens that mean something to the model, among them those that the tokenizer calls ordinary. A mask
        that is a word of the vocabulary (DiffuLLaMA's) is none: a text may hold the word."""
        added = getattr(self.tokenizer, "added_tokens_decoder", {})
        return frozenset({*self.spec.never_written, *self.spec.stop_ids} & added.keys())

    @cached_property
    def _letters(self) -> Any:
        """The tokenizer to which those are letters."""
        return without(self.tokenizer, self._meaning)


def load(
    path: Path | str,
    *,
    device: str = "cpu",
    dtype: torch.dtype | str = "auto",
    threads: int | None = None,
    adapter: Path | str | None = None,
    **overrides: Any,
) -> Loaded:
    """Load a model folder.

    Args:
        dtype: a torch dtype or its name, "bfloat16". "auto": the config's; where it says none, bfloat16 on an
            accelerator and float32 on the CPU.
        threads: how many torch uses on the CPU, in all of this process. None: what `models/threads.py` says.
        adapter: the folder of a LoRA adapter as peft saves it, which is merged into the weights.
        overrides: fields of `ModelSpec` that `config.json` does not say, or says wrongly; and device_map,
            quantization_config, attn_implementation for transformers; and trust_remote_code with revision (40 hex
            digits), to run a checkpoint's own code instead of a family's.
    Raises: ModelError for a path that is no model folder, UnknownArchitecture, LoadError (MissingKeys,
        UnexpectedKeys), TokenizerMismatch, NoMaskId, NoEndToken, VocabularyError.
    """
    device = usable(device)
    told = {name: overrides.pop(name, None) for name in OPTIONS}
    options = {name: value for name, value in told.items() if value is not None}
    described = describe(path, **overrides)
    spec = described.spec
    merged = None if adapter is None else read_adapter(adapter)
    held = dtype_of(dtype, described.config, device)
    source = Source(described.folder, described.config, held, device, options, merged)
    network = described.recognised.family.build(source, spec)
    if merged is not None:
        merged.check()
    if len(described.tokenizer) > network.rows:
        raise TokenizerMismatch(
            f"the tokenizer has {len(described.tokenizer):,} tokens, the embedding {network.rows:,} rows",
            hint="use the tokenizer that belongs to the weights",
            tokens=len(described.tokenizer),
            rows=network.rows,
        )
    vocabulary = Vocabulary.from_tokenizer(
        described.tokenizer,
        stop_ids=spec.stop_ids,
        pad_id=spec.pad_id,
        banned_ids=spec.never_written,
        size=network.rows,
    )
    denoiser = described.recognised.family.drive(network, spec, vocabulary, device)
    if str(device) == "cpu" and not options.get("device_map"):
        settle(sum(file.stat().st_size for file in weight_files(described.folder)), threads)
    beside = None if merged is None else merged.folder
    return Loaded(described.folder.name, denoiser, described.tokenizer, spec, described.folder, described.chat, beside)


def _pieces(turn: str, text: str, words: Words) -> list[str]:
    return [piece for piece, _ in filled(turn, text, words)]


def resolve(name: str | Path) -> Path:
    """The folder of a model name: "tiny", "small" and "puzzles" are in the box."""
    return BOX.get(str(name), Path(name))
