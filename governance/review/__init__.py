"""Review: the board's votes on a model, four eyes, and what is deployed afterwards."""
