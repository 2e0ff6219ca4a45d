"""Audits of the picture a title is shown with: whether who a subject seems to be decides whom it shows them.

The complaint that made such audits necessary was of minor characters shown as leads to those who look like them. So the
unit of measurement is the cohort (a cluster of behaviour that the chooser of images could mistake for a person), titles
are held fixed, and who is in a picture comes from production metadata, with provenance and consent. Nothing is ever
inferred from faces.
"""
