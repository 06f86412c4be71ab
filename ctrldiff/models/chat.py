"""A tokenizer's chat template as a prompt of ours: rendered with places left for what is said, which is plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ctrldiff.errors import ModelError

TURN = "{text}\n\n{instruction}"
ANSWER = "{answer}"
REMEMBERED = 64  # kinds of conversation: the roles of their messages
_PLACE = re.compile(r"\{message (\d+)\}")


@dataclass(frozen=True, eq=False)
class Chat:
    """A chat template, as a frame around messages.

    Fields: tokenizer; system (the system message of a conversation that has none of its own; "" for none); turn (the
        template of what the user says, see `ctrldiff/models/prompt.py`); told (`ModelSpec.chat_template_kwargs`).
    Raises: ModelError if the template does not put the text where it can be found.
    """

    tokenizer: Any
    system: str = ""
    turn: str = TURN
    told: Mapping[str, Any] = field(default_factory=dict)
    _frames: dict[tuple[str, ...], list[str | int]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        prompt = self.prompt
        if prompt.count(self.turn) != 1 or (self.system and self.system not in prompt):
            raise ModelError(
                "the chat template does not say the user's words, or the system's, once and as they are",
                hint='pass prompt="...{text}...", the whole of it',
            )

    @property
    def prompt(self) -> str:
        """One turn, and the beginning of the answer's: for `ModelSpec.prompt`."""
        return self._rendered(self._asked(), add_generation_prompt=True)

    @property
    def end_id(self) -> int | None:
        """The special token that ends an answer's turn, or None."""
        answered = self._rendered([*self._asked(), _said("assistant", ANSWER)], add_generation_prompt=False)
        _, found, behind = answered.rpartition(ANSWER)
        end = self.tokenizer.encode(behind, add_special_tokens=False) if found else []
        special = {one for one, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        return end[0] if end and end[0] in special else None

    def frame(self, roles: Sequence[str]) -> list[str | int]:
        """What stands around the messages of a conversation: the template's own words, and the number of the message
        that stands between them. It ends where an answer begins.

        Raises: ModelError if the template refuses such roles, or says a message twice or not at all.
        """
        key = tuple(roles)
        if key not in self._frames:
            self._frames[key] = self._framed(key)
            for oldest in list(self._frames)[:-REMEMBERED]:
                self._frames.pop(oldest, None)
        return self._frames.get(key) or self._framed(key)

    def _framed(self, roles: tuple[str, ...]) -> list[str | int]:
        messages = [_said(role, f"{{message {n}}}") for n, role in enumerate(roles)]
        if self.system and "system" not in roles:
            messages = [_said("system", self.system), *messages]
        parts: list[str | int] = [*_PLACE.split(self._rendered(messages, add_generation_prompt=True))]
        parts[1::2] = [int(part) for part in parts[1::2]]
        if parts[1::2] != list(range(len(roles))):
            raise ModelError(
                f"the chat template does not say the messages of {', '.join(roles)} once each and in their order",
                hint="fewer roles, or one text with all of it",
            )
        return parts

    def _asked(self) -> list[dict[str, str]]:
        return [*([_said("system", self.system)] if self.system else []), _said("user", self.turn)]

    def _rendered(self, messages: list[dict[str, str]], *, add_generation_prompt: bool) -> str:
        from jinja2 import TemplateError

        told = {**self.told, "tokenize": False, "add_generation_prompt": add_generation_prompt}
        try:
            return str(self.tokenizer.apply_chat_template(messages, **told))
        except (TemplateError, ValueError, TypeError) as error:
            raise ModelError(
                f"the tokenizer's chat template cannot be rendered: {error}"[:400],
                hint='pass prompt="...{text}...", the whole of it, or other chat_template_kwargs',
            ) from error


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def chat_of(tokenizer: Any, system: str = "", turn: str = TURN, told: Mapping[str, Any] | None = None) -> Chat | None:
    """The chat template of a tokenizer; None without one."""
    if not getattr(tokenizer, "chat_template", None):
        return None
    return Chat(tokenizer, system, turn, told or {})


def plain_prompt(tokenizer: Any) -> str:
    """The prompt of a model without a chat template: the text, after what its tokenizer puts before every text."""
    with_them, without = tokenizer.encode("a"), tokenizer.encode("a", add_special_tokens=False)
    first = next((n for n in range(len(with_them)) if with_them[n : n + len(without)] == without), 0)
    return "".join(tokenizer.convert_ids_to_tokens(with_them[:first])) + "{text}"
