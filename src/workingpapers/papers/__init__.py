"""One room per paper; see docs/adding-a-paper.md."""
