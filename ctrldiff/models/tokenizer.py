"""A folder's tokenizer: from `tokenizer.json` alone where that is the whole of it, else through transformers."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ctrldiff.errors import LoadError
from ctrldiff.models.transformers import quiet

FILES = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model")
NAMED = ("bos_token", "cls_token", "eos_token", "mask_token", "pad_token", "sep_token", "unk_token")
# Of `tokenizer_config.json`: what the plain class writes and what changes no ids of ours. Whatever else stands
# there (a chat template, a prefix space, specials that are split) is transformers' to carry out.
CLASS = "TokenizersBackend"
SILENT = {"backend", "clean_up_tokenization_spaces", "is_local", "local_files_only", "model_max_length"}
SILENT |= {"padding_side", "tokenizer_class", "truncation_side"}
BESIDE = ("added_tokens.json", "chat_template.jinja", "chat_template.json", "special_tokens_map.json")


class FileTokenizer:
    """`tokenizer.json` read by the `tokenizers` library, with those names of transformers that are asked for here.

    Args:
        described: the contents of `tokenizer.json`.
        named: the token of each of `NAMED` that there is, "mask_token": "<mask>".
    """

    chat_template = None

    def __init__(self, described: str, named: Mapping[str, str]) -> None:
        from tokenizers import Tokenizer

        self.backend_tokenizer = Tokenizer.from_str(described)
        self._plain = Tokenizer.from_str(
            described
        )  # of its own, for the setting is the tokenizer's and threads share it
        self._plain.encode_special_tokens = True
        self._named = dict(named)
        self._ids = {name: self.backend_tokenizer.token_to_id(token) for name, token in named.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is read anew: a copied `Tokenizer` forgets that specials are text to it."""
        return FileTokenizer, (self.backend_tokenizer.to_str(), self._named)

    def __getattr__(self, name: str) -> int | None:
        """The id of a named token, `mask_token_id`; None for one that the tokenizer does not name."""
        token = name.removesuffix("_id")
        if token == name or token not in NAMED:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        return self._ids.get(token)

    def __len__(self) -> int:
        return self.backend_tokenizer.get_vocab_size()

    @property
    def added_tokens_decoder(self) -> dict[int, Any]:
        """The tokens beside the vocabulary, by their ids; each says whether it is `special`."""
        return self.backend_tokenizer.get_added_tokens_decoder()

    def encode(
        self, text: str, *, add_special_tokens: bool = True, split_special_tokens: bool = False, verbose: bool = True
    ) -> list[int]:
        """A text's token ids. With `split_special_tokens` a special token's spelling in it is text like any other."""
        backend = self._plain if split_special_tokens else self.backend_tokenizer
        return backend.encode(text, add_special_tokens=add_special_tokens).ids

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        """The text of token ids."""
        return self.backend_tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str | None]:
        """The tokens as the vocabulary spells them."""
        return [self.backend_tokenizer.id_to_token(one) for one in ids]


def without(tokenizer: Any, ids: Collection[int]) -> Any:
    """The tokenizer's backend without these added tokens, and to which specials are text: their spelling is letters."""
    from tokenizers import Tokenizer

    described = json.loads(tokenizer.backend_tokenizer.to_str())
    described["added_tokens"] = [one for one in described.get("added_tokens") or () if one["id"] not in ids]
    backend = Tokenizer.from_str(json.dumps(described))
    backend.encode_special_tokens = True
    return backend


def inside(tokenizer: Any, ids: Collection[int] | None = None) -> Any:
    """The tokenizer's backend for what goes on behind other text: without the space that it puts before every text.

    Args: ids: added tokens that are letters to it, as to `without`; None: none, and specials are specials.
    Returns: None for a tokenizer that puts no space before a text.
    """
    from tokenizers import Tokenizer

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    described = json.loads((backend if ids is None else without(tokenizer, ids)).to_str())
    parts = {name: _unprefixed(described.get(name)) for name in ("normalizer", "pre_tokenizer")}
    if all(described.get(name) == part for name, part in parts.items()):
        return None
    made = Tokenizer.from_str(json.dumps({**described, **parts}))
    made.encode_special_tokens = ids is not None
    return made


def _unprefixed(part: Any) -> Any:
    """A normalizer or a pre-tokenizer that puts nothing before a text; None for one that does nothing else."""
    kind = part["type"] if isinstance(part, dict) else None
    if kind == "Prepend":
        return None
    if kind == "Metaspace":
        return {**part, "prepend_scheme": "never"}
    if kind == "ByteLevel":
        return {**part, "add_prefix_space": False}
    if kind == "Sequence":
        name = "normalizers" if "normalizers" in part else "pretokenizers"
        return {**part, name: [one for each in part[name] if (one := _unprefixed(each)) is not None]}
    return part


def load_tokenizer(folder: Path, other: str = "") -> Any:
    """The folder's fast tokenizer; code of its own is never asked for.

    Args: other: a class of transformers to try last.
    Raises: LoadError for a folder without a tokenizer, or with none that can be read.
    """
    if not any((folder / name).is_file() for name in FILES):
        raise LoadError(
            f"{str(folder)!r} has no tokenizer: none of {', '.join(FILES)}",
            hint="copy the fast tokenizer of the model into the folder",
        )
    return _from_file(folder) or _from_transformers(folder, other)


def _from_file(folder: Path) -> FileTokenizer | None:
    """The tokenizer, if `tokenizer.json` says all of it; None otherwise, and for files that cannot be read."""
    if any((folder / name).is_file() for name in BESIDE):
        return None
    try:
        return _whole(folder)
    except Exception:  # of files that are none; transformers may know another way, and says what is wrong if not
        return None


def _whole(folder: Path) -> FileTokenizer | None:
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    described = json.loads(text)
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    named = {name: config[name] for name in NAMED if config.get(name) is not None}
    special = {one["content"] for one in described.get("added_tokens") or () if one["special"]}
    tokens = [*named.values(), *(config.get("extra_special_tokens") or ())]
    whole = (
        config.get("tokenizer_class") == CLASS
        and config.keys() <= {*NAMED, *SILENT, "extra_special_tokens"}
        and all(isinstance(token, str) and token in special for token in tokens)
        and described.get("post_processor") is not None  # transformers makes one up
        and described.get("truncation") is None
        and described.get("padding") is None
    )
    return FileTokenizer(text, named) if whole else None


def _from_transformers(folder: Path, other: str) -> Any:
    import transformers

    names = ["AutoTokenizer", *(["PreTrainedTokenizerFast"] if (folder / "tokenizer.json").is_file() else [])]
    errors = []
    for name in [*names, *([other] if other else [])]:
        try:
            with quiet():
                kind = getattr(transformers, name)
                return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # what `tokenizers` cannot read it raises as just that
            errors.append(f"{name}: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}")
    raise LoadError(
        f"{str(folder)!r} has no tokenizer that can be read",
        why="\n".join(errors),
        hint="a folder with tokenizer.json, the fast tokenizer of the model",
    )
