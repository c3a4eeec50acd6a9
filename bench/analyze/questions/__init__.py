"""The questions that people have, and what a run answers to each."""
