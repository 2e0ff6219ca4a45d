"""Attestations: signed statements about releases, models, audits, decisions and erasures that a stranger can verify.

DSSE envelope ► in-toto statement ► predicate. Each one's digest is in the ledger, so that a missing or a superseded one
can be told.
"""
