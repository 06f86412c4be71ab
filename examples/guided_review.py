"""Lean towards an attribute while the form stays guaranteed: two sentences, positive or negative, at any strength."""

import ctrldiff as cd

model = cd.from_pretrained()
two_sentences = cd.Regex(r"[A-Z][a-z ,']+\. [A-Z][a-z ,']+\.")
order = "Write a review of the kettle."

for label in ("positive", "negative"):
    for strength in (0.0, 2.0, 100.0):
        guide = cd.guide.Classifier("sentiment", label, strength)
        result = model(order, two_sentences, guidance=[guide], max_new_tokens=32)
        assert result.raw in two_sentences
        print(f"{label:>8} {strength:5.0f}  {result.raw}")
