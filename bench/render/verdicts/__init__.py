"""A gate's decision for people and machines: terminal, Markdown, JUnit XML, JSON and GitHub annotations."""
