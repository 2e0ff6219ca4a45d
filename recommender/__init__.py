"""Private measurement of a population's histories, and recommenders computed from it.

A library: Arrow tables and frozen dataclasses in, artefacts out. No database, HTTP, clock or ledger. This module
imports nothing, so that reading a release or a model never loads torch: only measuring (``recommender.gram``) and
training an autoencoder (``recommender.autoencoder.training``) need it.
"""
