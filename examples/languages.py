"""Constraints are sets of texts, so use the algebra of sets."""

import ctrldiff as cd

date = cd.Regex(r"\d{4}-\d{2}-\d{2}", ascii=True)
twentieth = date & cd.Regex("19.*")

assert "1984-06-01" in twentieth
assert "2084-06-01" not in twentieth
assert twentieth <= date

print("states:", date.dfa().n_states, "->", twentieth.dfa().n_states)
print("shortest:", twentieth.dfa().shortest().decode())
