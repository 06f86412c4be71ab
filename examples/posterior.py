"""Five exact questions about one step's logits."""

import numpy as np

import ctrldiff as cd

tokens = [b"yes", b"no", b"y", b"es", b"n", b"o", b"!", None]
vocabulary = cd.Vocabulary.from_tokens(tokens, stop_ids=[7])
table = cd.Regex("(yes|no)!?").compile(vocabulary)

rng = np.random.default_rng(0)
logits = rng.normal(size=(4, len(tokens)))
log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
posterior = table.bind(log_probs.astype(np.float32))

print("best:    ", vocabulary.decode(posterior.map()))
print("samples: ", [vocabulary.decode(row) for row in posterior.sample(3, seed=7)])
print("log Z:   ", round(posterior.log_z(), 3))
print("position 0:", dict(zip(["yes", "no", "y"], posterior.marginals()[0].round(3).tolist())))
first = posterior.map()
keep = np.arange(4) == 0
print("P(first token):", round(float(np.exp(posterior.log_z_given(first, keep) - posterior.log_z())), 3))
