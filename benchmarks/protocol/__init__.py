"""The evaluation protocol of recommenders: `benchmarks/recommender.py` runs it."""
