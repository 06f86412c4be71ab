"""A left-to-right language model beside the diffusion model: it reads what is proposed, and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ctrldiff.errors import InputError, LoadError, PromptTooLong
from ctrldiff.models.devices import usable
from ctrldiff.models.tokenizer import load_tokenizer
from ctrldiff.models.transformers import quiet, refused
from ctrldiff.models.weights import check_keys
from ctrldiff.state import State, Tokens
from ctrldiff.tokens.vocabulary import Vocabulary, same_tokens


@dataclass(frozen=True, eq=False)
class CausalLM:
    """A causal language model of transformers as `propose.Judged` and `propose.Mixture` read it, and as an energy for
    `propose.Weighed`. It is shown the ids of the prompt as the diffusion model is, then the canvas.

    Fields:
        network: ids (N, L) to an object with logits (N, L, V), of which row i is about position i + 1.
        vocabulary: what each id spells to it.
        bos_id: an id that it wants before every text; without one a prompt must not be empty.
        batch_size: canvases a call of the network.
    """

    network: Any
    vocabulary: Vocabulary
    bos_id: int | None = None
    batch_size: int = 16

    @staticmethod
    def from_pretrained(
        folder: str | Path, *, device: str = "cpu", dtype: torch.dtype | str = "auto", **fields: Any
    ) -> CausalLM:
        """The model and the vocabulary of a folder; nothing is fetched, and no code of its own is run.

        Args: fields: bos_id, batch_size.
        Raises: LoadError for a folder that transformers does not take, MissingKeys for one that lacks weights of the
            network, VocabularyError for a tokenizer of which the bytes are not exactly known.
        """
        from transformers import AutoModelForCausalLM

        device = usable(device)
        if not (Path(folder) / "config.json").is_file():
            raise LoadError(f"{str(folder)!r} is no causal language model", hint="the path of a model folder")
        with refused(Path(folder)), quiet():
            network, said = AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, dtype=dtype, output_loading_info=True
            )
        # What is missing would be drawn at random.
        check_keys(Path(folder), said["missing_keys"], mismatched=said["mismatched_keys"])
        tokenizer = load_tokenizer(Path(folder))
        vocabulary = Vocabulary.from_tokenizer(tokenizer, size=network.get_output_embeddings().weight.shape[0])
        return CausalLM(network.eval().to(device), vocabulary, **fields)

    def __call__(self, state: State, tokens: Tokens) -> torch.Tensor:
        """(B, T, V) float32 log-probabilities of the token at each position, given the prompt and those before it.

        Raises: InputError for an empty prompt without a `bos_id`, or one with ids that the model has not got,
            PromptTooLong for one that leaves the canvas no room in the model's positions.
        """
        return torch.cat([self._read(*some) for some in self._batches(state, tokens)])

    @property
    def energy(self) -> Energy:
        """What `propose.Weighed(judge.energy, residual=True)` weighs draws by."""
        return Energy(self)

    def known(self, tokens: Tokens) -> Tokens:
        """The tokens, with 0 for ids beyond the vocabulary: padding behind the end of a text, of which nobody asks."""
        return torch.where(tokens < self.vocabulary.size, tokens, 0)

    def _batches(self, state: State, tokens: Tokens) -> list[tuple[list[torch.Tensor], Tokens]]:
        before = torch.tensor([] if self.bos_id is None else [self.bos_id], dtype=torch.int64)
        prompts = [torch.cat([before, ids]) for ids in state.prompt]
        for row, ids in enumerate(prompts):
            if not len(ids):
                raise InputError(
                    f"row {row} has an empty prompt, and a causal model says nothing of a first token",
                    hint="bos_id=: an id to put before every text",
                    row=row,
                )
            if int(ids.max()) >= self.vocabulary.size:
                raise InputError(
                    f"row {row}: its prompt has id {int(ids.max())}, which the causal model has not got",
                    why=f"its vocabulary ends at {self.vocabulary.size}: a special token of the diffusion model, say",
                    row=row,
                )
        longest, length = max(map(len, prompts), default=0), tokens.shape[1]
        room = getattr(getattr(self.network, "config", None), "max_position_embeddings", None)
        if room is not None and longest + length > room:
            raise PromptTooLong(
                f"{longest:,} prompt + {length:,} canvas tokens > {room:,} positions of the causal model",
                hint="a shorter text or canvas, or a judge with a longer context",
                prompt=longest,
                answer=length,
                context=room,
            )
        cuts = range(0, len(prompts), self.batch_size)
        return [(prompts[cut : cut + self.batch_size], tokens[cut : cut + self.batch_size]) for cut in cuts]

    @torch.no_grad()
    def _read(self, prompts: list[torch.Tensor], tokens: Tokens) -> torch.Tensor:
        """What stands on the right of a position is not seen there, so shorter rows are filled up on that side."""
        length = tokens.shape[1]
        tokens = self.known(tokens)
        ids = torch.zeros((len(prompts), max(map(len, prompts)) + length), dtype=torch.int64)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)], ids[row, len(prompt) : len(prompt) + length] = prompt, tokens[row]
        device = getattr(self.network, "device", "cpu")
        logits = self.network(ids.to(device)).logits
        own = [said[len(prompt) - 1 : len(prompt) - 1 + length] for said, prompt in zip(logits, prompts, strict=True)]
        return torch.stack(own).log_softmax(dim=-1, dtype=torch.float32)


@dataclass(frozen=True, eq=False)
class Energy:
    """Minus the log-probability that a causal model gives a whole canvas: EDLM's energy (arXiv:2410.21357) but for the
    log-probability of the draw, which `propose.Weighed(..., residual=True)` adds."""

    judge: CausalLM

    def fits(self, vocabulary: Vocabulary) -> None:
        same_tokens(self.judge.vocabulary, vocabulary)

    def __call__(self, state: State, tokens: Tokens) -> torch.Tensor:
        """(B, n) float64 energies of canvases (B, n, T), in nats, the first id that writes nothing included."""
        tokens = self.judge.known(tokens)
        ends = ~torch.from_numpy(self.judge.vocabulary.written.copy())[tokens]  # whichever of its ids ends a text here
        own = torch.arange(tokens.shape[2]) < state.lengths[:, None, None]
        counts = own & (ends.cumsum(dim=2) - ends.to(torch.int64) == 0)
        out = torch.zeros(tokens.shape[:2], dtype=torch.float64)
        for n, one in enumerate(tokens.unbind(dim=1)):
            log_p = self.judge(state, one).cpu().gather(2, one[..., None])[..., 0].to(torch.float64)
            out[:, n] = -torch.where(counts[:, n], log_p, 0.0).sum(dim=1)
        return out
