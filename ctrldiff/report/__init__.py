"""Pages for people: a job, a decode, an answer, each as one HTML file that needs nothing else and reaches nowhere.

This room knows plain values alone. What it is given may hold anything that a text can hold, and all of it is escaped.
"""
