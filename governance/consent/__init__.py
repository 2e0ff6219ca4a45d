"""Consent: what each subject decided on each purpose, under which notice; the current decision and all before it.

Trusted for: which rows may be stored and trained on. Subjects are pseudonyms of the consent domain, unlinkable to
events.
"""
