"""Muon for the layers' matrices, AdamW for everything else, and the learning rate as a function of time spent."""

import torch
from torch import Tensor
from transformers import ModernBertForMaskedLM

# Per-step polynomials of "The Polar Express" (Amsel et al. 2025, arXiv:2505.16932); four suffice for an update.
POLAR = ((8.2872, -23.5959, 17.3004), (4.1071, -2.9478, 0.5448), (3.9487, -2.9089, 0.5518), (3.3184, -2.4885, 0.5100))
PEAK = 3e-3
WARM_UP_STEPS = 60
CONSTANT = 0.3  # share of the time at the peak, before the linear decay


def learning_rate(step: int, spent: float) -> float:
    """Peak rate after the warm-up, linear to a hundredth of it at the end; `spent` is the share of the time used."""
    decay = 1.0 if spent < CONSTANT else max(0.01, (1.0 - spent) / (1.0 - CONSTANT))
    return PEAK * min(1.0, (step + 1) / WARM_UP_STEPS) * decay


def working_type(device: torch.device) -> torch.dtype:
    """bfloat16 where it is quick: on a CPU without it a step of Muon takes 2.5 s in bfloat16 and .15 s in float32."""
    native = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if native else torch.float32


def orthogonal(matrices: Tensor) -> Tensor:
    """(N, m, n) with m <= n: the nearest semi-orthogonal matrices, roughly. bfloat16 is enough for a direction."""
    turned = (matrices / (matrices.norm(dim=(1, 2), keepdim=True) * 1.01 + 1e-7)).to(working_type(matrices.device))
    for a, b, c in POLAR:
        gram = turned @ turned.mT
        turned = a * turned + torch.baddbmm(b * gram, gram, gram, beta=1.0, alpha=c) @ turned
    return turned.to(matrices.dtype)


class Muon:
    """Momentum, made orthogonal, scaled to the size of an AdamW step (0.2 root mean square)."""

    def __init__(self, model: ModernBertForMaskedLM, momentum: float = 0.95):
        self.momentum = momentum
        self.weights: list[Tensor] = []
        self.parts: list[int] = []  # fused matrices are orthogonalised part by part
        for layer in model.model.layers:
            self.weights += [layer.attn.Wqkv.weight, layer.attn.Wo.weight, layer.mlp.Wi.weight, layer.mlp.Wo.weight]
            self.parts += [3, 1, 2, 1]
        self.weights.append(model.head.dense.weight)
        self.parts.append(1)
        self.velocity = [torch.zeros_like(weight) for weight in self.weights]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        groups: dict[tuple[int, int], list] = {}
        for weight, speed, parts in zip(self.weights, self.velocity, self.parts, strict=True):
            speed.lerp_(weight.grad, 1 - self.momentum)
            ahead = weight.grad.lerp(speed, self.momentum)
            for target, piece in zip(weight.chunk(parts), ahead.chunk(parts), strict=True):
                flip = piece.shape[0] > piece.shape[1]
                piece = piece.mT if flip else piece
                groups.setdefault(tuple(piece.shape), []).append((target, piece, flip))
        for (_, columns), members in groups.items():
            updates = orthogonal(torch.stack([piece for _, piece, _ in members]))
            for (target, _, flip), update in zip(members, updates, strict=True):
                target.sub_(update.mT if flip else update, alpha=rate * 0.2 * columns**0.5)


class Optimizer:
    """Both optimizers behind one step()."""

    def __init__(self, model: ModernBertForMaskedLM):
        self.muon = Muon(model)
        taken = {id(weight) for weight in self.muon.weights}
        rest = [weight for weight in model.parameters() if id(weight) not in taken]
        self.adam = torch.optim.AdamW(rest, lr=PEAK, betas=(0.9, 0.98), weight_decay=0.0, fused=True)

    def step(self, rate: float) -> None:
        self.muon.step(rate)
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()

    def state(self) -> dict:
        return {"velocity": self.muon.velocity, "adam": self.adam.state_dict()}

    def restore(self, state: dict) -> None:
        for mine, saved in zip(self.muon.velocity, state["velocity"], strict=True):
            mine.copy_(saved)
        self.adam.load_state_dict(state["adam"])
