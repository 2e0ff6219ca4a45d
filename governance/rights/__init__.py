"""The rights of subjects: requests, deadlines, access packages, erasure with a certificate that strangers can check.

Trusted for: where a request stands. That an erasure happened is shown by the signed certificate and the ledger, not by
these tables.
"""
