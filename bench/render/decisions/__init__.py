"""What a run decides, in words: the answers, what is slow, and how they stand in a terminal."""
