"""Use cases: what happens between the packages, one module per step of the walk through the house."""
