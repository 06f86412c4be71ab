"""A tokenizer's chat template as a prompt of ours: rendered once, with places left for the text and what is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ctrldiff.errors import ModelError

TURN = "{text}\n\nAnswer in this form: {ask}"
ANSWER = "{answer}"


@dataclass(frozen=True)
class Chat:
    """Fields: prompt (for `ModelSpec.prompt`); end_id (the special token that ends an answer's turn, or None)."""

    prompt: str
    end_id: int | None


def chat_of(tokenizer: Any, system: str = "", turn: str = TURN) -> Chat | None:
    """The prompt of a chat model: one user's turn, and the beginning of the answer's. None without a chat template.

    Args:
        system: the system message, if there is to be one.        turn: what the user says.
    Raises: ModelError if the template does not put the text where it can be found.
    """
    if not getattr(tokenizer, "chat_template", None):
        return None
    asked = [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": turn}]
    prompt = _rendered(tokenizer, asked, add_generation_prompt=True)
    if prompt.count(turn) != 1 or (system and system not in prompt):
        raise ModelError(
            "the chat template does not say the user's words, or the system's, once and as they are",
            hint='pass prompt="...{text}...", the whole of it',
        )
    answered = _rendered(tokenizer, [*asked, {"role": "assistant", "content": ANSWER}], add_generation_prompt=False)
    end = tokenizer.encode(answered.rpartition(ANSWER)[2], add_special_tokens=False)
    special = {one for one, token in tokenizer.added_tokens_decoder.items() if token.special}
    return Chat(prompt, end[0] if end and end[0] in special else None)


def plain_prompt(tokenizer: Any) -> str:
    """The prompt of a model without a chat template: the text, after what its tokenizer puts before every text."""
    with_them, without = tokenizer.encode("a"), tokenizer.encode("a", add_special_tokens=False)
    first = next((n for n in range(len(with_them)) if with_them[n : n + len(without)] == without), 0)
    return "".join(tokenizer.convert_ids_to_tokens(with_them[:first])) + "{text}"


def _rendered(tokenizer: Any, messages: list[dict[str, str]], *, add_generation_prompt: bool) -> str:
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
    except (TemplateError, ValueError, TypeError) as error:
        raise ModelError(
            f"the tokenizer's chat template cannot be rendered: {error}"[:400],
            hint='pass prompt="...{text}...", the whole of it',
        ) from error
