"""Other methods, to be compared with: written after their papers, for figures in tables and not for use."""
