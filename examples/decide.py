"""One forward pass, and the exact probability of every label."""

from typing import Literal

import ctrldiff as cd

model = cd.from_pretrained("tiny")
review = "The electric kettle is a disappointment. It broke after a week."
result = model(review, Literal["positive", "negative"])

for label, prob in result.probs.items():
    print(f"{prob:.3f}  {label}")
assert result.usage.forwards == 1
