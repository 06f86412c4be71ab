"""An observer that only looks, made of a function."""

from collections.abc import Callable
from typing import Any

from ctrldiff.protocols import Move, Observer
from ctrldiff.state import State, Step


def watching(look: Callable[[State, Step], Any]) -> Observer:
    """Shows `look` every state after its step, and changes nothing."""

    def observer(move: Move, state: State, step: Step) -> State:
        look(state, step)
        return state

    return observer
