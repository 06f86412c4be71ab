"""Every benchmark, one after another: `python -m tests.benchmarks`. Figures to look at, never to assert on."""

from __future__ import annotations

from importlib import import_module

NAMES = (
    "regex_to_dfa",
    "token_automaton",
    "per_step",
    "default_step",
    "shared_calls",
    "hostile",
    "schemas",
    "span",
    "approximate_cache",
    "cold_start",
)


def main() -> None:
    """Run each and print its table under its name."""
    for name in NAMES:
        print(f"\n## {name}\n", flush=True)
        import_module(f"tests.benchmarks.{name}").main()


if __name__ == "__main__":
    main()
