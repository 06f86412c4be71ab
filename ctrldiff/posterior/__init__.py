"""Logits and an automaton in, exact answers out: `Table.bind` gives the posterior, its methods are the queries."""
