"""The border: automata of other packages in, ours out. Exact in both directions, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from interegular.fsm import FSM, Alphabet, anything_else

from ctrldiff.automata.compile import determinised
from ctrldiff.automata.dfa import Dfa, any_text
from ctrldiff.automata.expression import MAX_CODE_POINT, Ranges
from ctrldiff.automata.nfa import Builder, Fragment, Labels
from ctrldiff.automata.trie import add_words
from ctrldiff.automata.utf8 import byte_edges, split
from ctrldiff.errors import ConstraintError, ConstraintTooLarge, VocabularyError
from ctrldiff.limits import DEFAULT, Limits

_TEXT = ((0, 0xD7FF), (0xE000, MAX_CODE_POINT))
_LEADS = ((0x80, 0x7FF, 0xC2, 0xDF, 1), (0x800, 0xFFFF, 0xE0, 0xEF, 2), (0x10000, MAX_CODE_POINT, 0xF0, 0xF4, 3))


def from_fsm(fsm: FSM, limits: Limits = DEFAULT) -> Dfa:
    """An `interegular.FSM` over characters. `anything_else` is every character its alphabet does not name.

    Surrogates in the alphabet are dropped: no UTF-8 text holds them.
    Raises: ConstraintError for a symbol that is not one character; ConstraintTooLarge.
    """
    states, moves_of = getattr(fsm, "states", None), getattr(fsm, "map", None)
    if not isinstance(states, Set) or not isinstance(moves_of, Mapping) or not isinstance(fsm.alphabet, Mapping):
        raise ConstraintError(f"a {type(fsm).__name__} is no interegular.FSM", hint="parse_pattern(...).to_fsm()")
    targets = {target for moves in moves_of.values() for target in moves.values()}
    if not {fsm.initial, *fsm.finals, *moves_of, *targets} <= set(states):
        raise ConstraintError("the FSM speaks of a state that is not among its own")
    symbols: dict[Any, list[int]] = {}
    for symbol, key in fsm.alphabet.items():
        if symbol is anything_else:
            symbols.setdefault(key, [])
        elif isinstance(symbol, str) and len(symbol) == 1:
            symbols.setdefault(key, []).append(ord(symbol))
        else:
            raise ConstraintError(
                f"symbol {symbol!r} of the FSM is not one character",
                why="texts are sequences of characters, so a symbol of any other kind has no bytes",
                hint="build the FSM over single characters",
            )
    ranges = {key: _runs(sorted(points)) for key, points in symbols.items()}
    if anything_else in fsm.alphabet:
        key = fsm.alphabet[anything_else]
        named = sorted(point for points in symbols.values() for point in points)
        ranges[key] = tuple(sorted((*ranges[key], *_gaps(_runs(named)))))

    builder, labels = Builder(), Labels()
    number = {state: builder.states(1) for state in fsm.states}
    builder.free(0, number[fsm.initial])
    for state in fsm.finals:
        builder.free(number[state], 1)
    pieces = {key: _characters(part, labels) for key, part in ranges.items()}
    for state, moves in fsm.map.items():
        for key, target in moves.items():
            if key in pieces:
                builder.copy(pieces[key], number[state], number[target])
                _within(builder.n_states, limits)
    return determinised(builder.fragment(), labels, limits, limits.fuel())


def to_fsm(dfa: Dfa) -> FSM:
    """The same language as an `interegular.FSM` over characters. `anything_else` stands for the most frequent kind.

    Raises: ConstraintError when some member is not valid UTF-8.
    """
    if not dfa <= any_text():
        raise ConstraintError(
            "the language holds byte strings that are no text",
            why="an interegular FSM reads characters, so it cannot spell them",
            hint="intersect with any_text() first",
        )
    kinds = _kinds(dfa)
    widest = max(kinds, key=lambda kind: sum(high - low + 1 for low, high in kinds[kind]))
    mapping: dict[Any, int] = {anything_else: 0}
    columns = [np.frombuffer(widest, np.int32)]
    for kind, ranges in kinds.items():
        if kind != widest:
            mapping |= {chr(point): len(columns) for low, high in ranges for point in range(low, high + 1)}
            columns.append(np.frombuffer(kind, np.int32))
    moves: dict[int, dict[int, int]] = {}
    todo = [0]
    for state in todo:
        if state not in moves:
            targets = [int(column[state]) for column in columns]
            moves[state] = {key: target for key, target in enumerate(targets) if target < dfa.n_states}
            todo += moves[state].values()
    finals = {state for state in moves if dfa.accept[state]}
    return FSM(alphabet=Alphabet(mapping), states=set(moves), initial=0, finals=finals, map=moves)


def from_index(
    index: Any, tokens: Mapping[int, bytes | None] | Sequence[bytes | None], limits: Limits = DEFAULT
) -> Dfa:
    """The byte strings that the accepted token sequences of an `outlines_core.Index` spell.

    Args:
        index: built over some vocabulary; its moves are (state, token id) -> state.
        tokens: the bytes of every token id. A missing or None entry that only loops on accepting states is the
            end-of-text token, which spells nothing.
    Raises: VocabularyError for any other token without bytes; ConstraintTooLarge.
    """
    if not all(hasattr(index, name) for name in ("get_transitions", "get_final_states", "get_initial_state")):
        raise ConstraintError(f"a {type(index).__name__} is no outlines_core.Index")
    moves, finals = index.get_transitions(), index.get_final_states()
    start = index.get_initial_state()
    states = list(dict.fromkeys([start, *moves, *finals, *(t for row in moves.values() for t in row.values())]))
    number = {state: i for i, state in enumerate(states)}
    spelled = _spelled(moves, finals, tokens)
    step = np.full((len(states) + 1, 256), len(states), np.int32)  # by tokens of one byte; the last row is dead
    for state, row in moves.items():
        for token, target in row.items():
            if len(spelled.get(token, b"")) == 1:
                step[number[state], spelled[token][0]] = number[target]

    builder, labels = Builder(), Labels()
    first = builder.states(len(states))
    source, byte = np.nonzero(step[:-1] < len(states))
    builder.src, builder.label = (source + first).tolist(), byte.tolist()
    builder.dst = (step[source, byte] + first).tolist()
    builder.free(0, first + number[start])
    for state in finals:
        builder.free(first + number[state], 1)
    words = list(spelled.values())
    letters = np.zeros((len(words), max(map(len, words), default=0)), np.uint8)
    lengths = np.array([len(word) for word in words], np.int64)
    for place, word in enumerate(words):
        letters[place, : len(word)] = np.frombuffer(word, np.uint8)
    places = {token: place for place, token in enumerate(spelled)}
    for state, row in moves.items():
        held = np.array([places[token] for token in row if token in places], np.int64)
        goals = np.array([number[target] for token, target in row.items() if token in places], np.int64)
        # Most tokens of a vocabulary with all single bytes say no more than their bytes do; spell only the others.
        reached = np.full(len(held), number[state])
        for k in range(int(lengths[held].max(initial=0))):
            longer = lengths[held] > k
            reached[longer] = step[reached[longer], letters[held[longer], k]]
        for goal in np.unique(goals[reached != goals]).tolist():
            odd = held[(reached != goals) & (goals == goal)]
            add_words(builder, [words[place] for place in odd], first + number[state], first + goal)
            _within(builder.n_states, limits)
    return determinised(builder.fragment(), labels, limits, limits.fuel())


def _spelled(
    moves: Mapping[int, Mapping[int, int]],
    finals: set[int],
    tokens: Mapping[int, bytes | None] | Sequence[bytes | None],
) -> dict[int, bytes]:
    """The bytes of every token the index uses, without the end-of-text token."""
    spelled: dict[int, bytes] = {}
    for state, row in moves.items():
        for token, target in row.items():
            if token in spelled:
                continue
            try:
                data = tokens[token]
            except (KeyError, IndexError):
                data = None
            if data is not None:
                spelled[token] = data
            elif target != state or state not in finals:
                raise VocabularyError(
                    f"token {token} of the index has no bytes",
                    why=f"it leads from state {state} to state {target}, so it is not the end of the text",
                    hint="pass the bytes of the vocabulary that the index was built over",
                    token=token,
                )
    return spelled


def _within(size: int, limits: Limits) -> None:
    if size > limits.max_nfa_states:
        raise ConstraintTooLarge("states before determinising", size, limits.max_nfa_states)


def _runs(points: list[int]) -> Ranges:
    """Ascending code points as ranges."""
    runs: list[tuple[int, int]] = []
    for point in points:
        if runs and point <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], point)
        else:
            runs.append((point, point))
    return tuple(runs)


def _gaps(runs: Ranges) -> Ranges:
    """The code points outside `runs`."""
    starts = [0, *(high + 1 for _, high in runs)]
    stops = [*(low - 1 for low, _ in runs), MAX_CODE_POINT]
    return tuple((low, high) for low, high in zip(starts, stops) if low <= high)


def _characters(ranges: Ranges, labels: Labels) -> Fragment:
    """One character out of `ranges`, as bytes."""
    builder = Builder()
    mask, rest = split(ranges)
    if mask:
        builder.edge(0, 1, labels.number(mask))
    if rest:
        n_states, edges = byte_edges(rest)
        builder.states(n_states - 2)
        for source, target, bytes_read in edges:
            builder.edge(source, target, labels.number(bytes_read))
    return builder.fragment()


def _kinds(dfa: Dfa) -> dict[bytes, list[tuple[int, int]]]:
    """Characters by what they do: their column (next state of every state, S for dead) -> their code points."""
    full = np.vstack([dfa.full_table(), np.full(256, -1, np.int32)])
    full[full < 0] = dfa.n_states
    columns = np.ascontiguousarray(full.T)
    dead = np.full(len(full), dfa.n_states, np.int32).tobytes()
    known: dict[tuple[bytes, int], list[tuple[int, int, bytes]]] = {}

    def after(column: bytes, more: int) -> list[tuple[int, int, bytes]]:
        """What `more` continuation bytes make of a column: (first, last, column) over 64**more code points."""
        if more == 0 or column == dead:
            return [(0, (1 << (6 * more)) - 1, column)]
        if (column, more) not in known:
            here = np.frombuffer(column, np.int32)
            found: list[tuple[int, int, bytes]] = []
            for byte in range(64):
                for low, high, end in after(columns[0x80 + byte][here].tobytes(), more - 1):
                    base = byte << (6 * (more - 1))
                    if found and found[-1][2] == end:
                        found[-1] = (found[-1][0], base + high, end)
                    else:
                        found.append((base + low, base + high, end))
            known[column, more] = found
        return known[column, more]

    kinds: dict[bytes, list[tuple[int, int]]] = {}
    for point in range(0x80):
        kinds.setdefault(columns[point].tobytes(), []).append((point, point))
    for floor, ceiling, lead, last, more in _LEADS:
        for byte in range(lead, last + 1):
            base = (byte & (0x3F >> more)) << (6 * more)
            for low, high, end in after(columns[byte].tobytes(), more):
                for left, right in _TEXT:
                    first, stop = max(base + low, floor, left), min(base + high, ceiling, right)
                    if first <= stop:
                        kinds.setdefault(end, []).append((first, stop))
    return kinds
