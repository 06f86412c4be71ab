"""Sixteen positions side by side: the few steps that the compiler does not make vector code of by itself.

Legend: v token, lane one of `LANES` positions that are read together, tile (TILE * LANES,) their scores with what
belongs to one token in all lanes side by side.

      x[rows]   v:  0 1 2 3 ...          tile, after `turn`      lane: 0 1 2 ...
      lane 0        a b c d              v = 0                         a e i
      lane 1        e f g h              v = 1                         b f j
      lane 2        i j k l              ...

Scores are float32, or the bits of narrower floats: uint16 of a bfloat16, int16 of a float16; `widen` says the number,
exactly. Nothing is converted in memory. Where kernels run as plain Python the bodies below are what runs; compiled,
each is a handful of vector instructions, written out because a loop of scalar loads and stores took twice as long as
reading the logits does. Maxima of NaN are undefined there: whoever turns a tile is told of every NaN, and refuses it.

Plainly (the tests run this beside the kernels):

    def turned(x, rows):
        return x[rows].T

    def class_best(turned, ids, n_classes):
        return np.stack([turned[ids == c].max(axis=0, initial=-np.inf) for c in range(n_classes)])

    def class_sums(turned, ids, n_classes):
        return np.stack([turned[ids == c].astype(np.float64).sum(axis=0) for c in range(n_classes)])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

LANES = 16
BLOCK = 8  # rows and columns that `turn` takes at a time

_F32, _F64, _I16, _I32, _I64 = ir.FloatType(), ir.DoubleType(), ir.IntType(16), ir.IntType(32), ir.IntType(64)


# --- as plain Python -----------------------------------------------------------------------------------------------


def widen(score: Any) -> Any:
    """A score as float32: of a float32 itself, of 16 bits the number they stand for."""
    if isinstance(score, np.uint16):
        return (np.array([score]).astype(np.uint32) << 16).view(np.float32)[0]
    return np.float32(np.array([score]).view(np.float16)[0]) if isinstance(score, np.int16) else score


def turn(x: Any, rows: Any, lane: int, v: int, tile: Any, k: int) -> bool:
    """Write tokens v to v + BLOCK of x[rows[lane]] to x[rows[lane + BLOCK]] into tile, the first at k. Whether one of
    them is NaN."""
    found = False
    for i in range(BLOCK):
        for j in range(BLOCK):
            tile[k + i * LANES + j] = widen(x[rows[lane + j], v + i])
            found = found or bool(tile[k + i * LANES + j] != tile[k + i * LANES + j])
    return found


def raise_to(best: Any, c: Any, tile: Any, k: int) -> None:
    """best[c : c + LANES] is no less than tile[k : k + LANES] from now on."""
    best[c : c + LANES] = np.maximum(best[c : c + LANES], tile[k : k + LANES])


def raise_and_add(best: Any, sums: Any, c: Any, tile: Any, terms: Any, k: int) -> None:
    """As `raise_to`, and the terms at k are added to sums at c."""
    raise_to(best, c, tile, k)
    sums[c : c + LANES] += terms[k : k + LANES]


# --- as vector instructions ----------------------------------------------------------------------------------------


def _vector(of: ir.Type, n: int = LANES) -> ir.Type:
    return ir.VectorType(of, n)


def _address(context: Any, builder: Any, array: Any, value: Any, index: Any) -> Any:
    """Where an entry of a 1-dimensional array lies."""
    return builder.gep(context.make_array(array)(context, builder, value).data, [index])


def _load(builder: Any, address: Any, kind: ir.Type, align: int) -> Any:
    loaded = builder.load(builder.bitcast(address, kind.as_pointer()))
    loaded.align = align
    return loaded


def _store(builder: Any, value: Any, address: Any, align: int) -> None:
    builder.store(value, builder.bitcast(address, value.type.as_pointer())).align = align


def _wide(builder: Any, bits: Any, kind: Any, n: int = 0) -> Any:
    """float32 of what was loaded; n numbers side by side, or one."""

    def of(plain: ir.Type) -> ir.Type:
        return _vector(plain, n) if n else plain

    if kind == types.float32:
        return bits
    if kind == types.int16:
        return builder.fpext(builder.bitcast(bits, of(ir.HalfType())), of(_F32))
    by = ir.Constant(of(_I32), [16] * n if n else 16)
    return builder.bitcast(builder.shl(builder.zext(bits, of(_I32)), by), of(_F32))


def _shuffled(builder: Any, one: Any, other: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(one, other, ir.Constant(_vector(_I32, len(order)), order))


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Eight vectors of eight, the other way: pairs, fours, halves, as every book on vector code has it."""
    pairs = [
        _shuffled(builder, rows[i], rows[i + 1], order)
        for i in range(0, 8, 2)
        for order in ([0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15])
    ]
    fours = [
        _shuffled(builder, pairs[g + i], pairs[g + i + 2], order)
        for g in (0, 4)
        for i in (0, 1)
        for order in ([0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15])
    ]
    halves = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
    return [_shuffled(builder, fours[i], fours[i + 4], order) for order in halves for i in range(4)]


@intrinsic
def _widen(typing: Any, score: Any) -> Any:
    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _wide(builder, args[0], score)

    return types.float32(score), write


@intrinsic
def _turn(typing: Any, x: Any, rows: Any, lane: Any, v: Any, tile: Any, k: Any) -> Any:
    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scores = context.make_array(x)(context, builder, args[0])
        element, size = (_F32, 4) if x.dtype == types.float32 else (_I16, 2)
        stride = cgutils.unpack_tuple(builder, scores.strides)[0]
        begin = builder.ptrtoint(scores.data, _I64)
        begin = builder.add(begin, builder.mul(args[3], _I64(size)))
        read = []
        for j in range(BLOCK):
            row = builder.load(_address(context, builder, rows, args[1], builder.add(args[2], _I64(j))))
            address = builder.inttoptr(builder.add(begin, builder.mul(row, stride)), element.as_pointer())
            read.append(_wide(builder, _load(builder, address, _vector(element, BLOCK), size), x.dtype, BLOCK))
        for i, column in enumerate(_transposed(builder, read)):
            at = _address(context, builder, tile, args[4], builder.add(args[5], _I64(i * LANES)))
            _store(builder, column, at, 4)
        wrong = [builder.fcmp_unordered("uno", read[j], read[j + 1]) for j in range(0, BLOCK, 2)]
        any_of = builder.or_(builder.or_(wrong[0], wrong[1]), builder.or_(wrong[2], wrong[3]))
        mask = builder.bitcast(any_of, ir.IntType(BLOCK))
        return builder.icmp_unsigned("!=", mask, mask.type(0))

    return types.boolean(x, rows, lane, v, tile, k), write


def _raised(context: Any, builder: Any, best: Any, tile: Any) -> None:
    """The larger of what lies at two addresses, into the first. `nnan`, as a comparison and a choice become a masked
    store, which makes the next load of the same class wait (13 ms in place of 9)."""
    kind = _vector(_F32)
    have, new = _load(builder, best, kind, 4), _load(builder, tile, kind, 4)
    name = f"llvm.maxnum.v{LANES}f32"
    larger = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind, kind]), name)
    _store(builder, builder.call(larger, (new, have), fastmath=("nnan",)), best, 4)


@intrinsic
def _raise_to(typing: Any, best: Any, c: Any, tile: Any, k: Any) -> Any:
    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        into = _address(context, builder, best, args[0], args[1])
        _raised(context, builder, into, _address(context, builder, tile, args[2], args[3]))
        return context.get_dummy_value()

    return types.void(best, c, tile, k), write


@intrinsic
def _raise_and_add(typing: Any, best: Any, sums: Any, c: Any, tile: Any, terms: Any, k: Any) -> Any:
    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        into = _address(context, builder, best, args[0], args[2])
        _raised(context, builder, into, _address(context, builder, tile, args[3], args[5]))
        add = _load(builder, _address(context, builder, terms, args[4], args[5]), _vector(_F32), 4)
        into = _address(context, builder, sums, args[1], args[2])
        have = _load(builder, into, _vector(_F64), 8)
        _store(builder, builder.fadd(have, builder.fpext(add, _vector(_F64))), into, 8)
        return context.get_dummy_value()

    return types.void(best, sums, c, tile, terms, k), write


@overload(widen, strict=False)
def _compiled_widen(score: Any) -> Callable[..., Any]:
    return lambda score: _widen(score)


@overload(turn, strict=False)
def _compiled_turn(x: Any, rows: Any, lane: Any, v: Any, tile: Any, k: Any) -> Callable[..., Any]:
    return lambda x, rows, lane, v, tile, k: _turn(x, rows, np.int64(lane), np.int64(v), tile, np.int64(k))


@overload(raise_to, strict=False)
def _compiled_raise_to(best: Any, c: Any, tile: Any, k: Any) -> Callable[..., Any]:
    return lambda best, c, tile, k: _raise_to(best, np.int64(c), tile, np.int64(k))


@overload(raise_and_add, strict=False)
def _compiled_raise_and_add(best: Any, sums: Any, c: Any, tile: Any, terms: Any, k: Any) -> Callable[..., Any]:
    return lambda best, sums, c, tile, terms, k: _raise_and_add(best, sums, np.int64(c), tile, terms, np.int64(k))
