"""The privacy budget: what releases on a population have cost, what is left, and refusal beyond it.

Trusted for: the sum. Whoever can write this table can spend twice; every reservation is also in the ledger, so it can
be recounted.
"""
