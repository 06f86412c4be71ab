"""Attention over short sequences, with its gradients written out.

A compiler that sees through attention leaves its gradients transposed, and all that follows reads them against the
grain. As one operation whose results lie straight it takes a quarter off a training step on a CPU.
"""

import torch
from torch import Tensor, library


def _apart(heads: Tensor) -> Tensor:
    """(B, T, H, D) as (B * H, T, D), contiguous."""
    batch, length, n_heads, size = heads.shape
    return heads.transpose(1, 2).reshape(batch * n_heads, length, size)


def _together(heads: Tensor, like: Tensor) -> Tensor:
    """(B * H, T, D) as (B, T, H, D), contiguous."""
    batch, length, n_heads, size = like.shape
    return heads.view(batch, n_heads, length, size).transpose(1, 2).contiguous()


@library.custom_op("tiny::attention", mutates_args=())
def attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """The mixed values, (B, T, H, D), and the weights, (B * H, T, T).

    Args: query, key, value (B, T, H, D), the query scaled; bias (T, T), which has no gradient.
    """
    scores = _apart(query) @ _apart(key).mT
    if bias is not None:
        scores += bias
    weights = scores.softmax(-1)
    return _together(weights @ _apart(value), value), weights


@attention.register_fake
def _(query, key, value, bias):
    batch, length, n_heads, _ = query.shape
    return torch.empty_like(value, memory_format=torch.contiguous_format), query.new_empty(
        batch * n_heads, length, length
    )


@library.custom_op("tiny::attention_gradients", mutates_args=())
def gradients(
    query: Tensor, key: Tensor, value: Tensor, weights: Tensor, mixed: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Those of the query, the key and the value, given that of the mixed values."""
    above, apart = _apart(mixed), _apart(query)
    of_scores = torch.ops.aten._softmax_backward_data(above @ _apart(value).mT, weights, -1, weights.dtype)
    return (
        _together(of_scores @ _apart(key), query),
        _together(of_scores.mT @ apart, key),
        _together(weights.mT @ above, value),
    )


@gradients.register_fake
def _(query, key, value, weights, mixed):
    return tuple(torch.empty_like(one, memory_format=torch.contiguous_format) for one in (query, key, value))


def _keep(ctx, inputs, output) -> None:
    ctx.save_for_backward(*inputs[:3], output[1])


def _backward(ctx, mixed: Tensor, weights: Tensor):
    return *gradients(*ctx.saved_tensors, mixed), None


attention.register_autograd(_backward, setup_context=_keep)
