"""The registry: batches, snapshots, releases, models, reports and deployments, and what was made from what.

Trusted for: which artefact is meant. Artefacts themselves are named by digest, so a changed file is noticed without
the registry.
"""
