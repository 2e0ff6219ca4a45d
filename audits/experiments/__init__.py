"""Guardrails of an A/B test: was it a fair draw, is nobody served worse than agreed, and may one look every night.

``mismatch`` asks whether the arms have the sizes they were drawn for, ``guardrails`` whether the treatment is worse
than the control by more than a margin, for everybody and for each group, and ``monitoring`` the same while it runs.
The unit is the subject everywhere: what one subject does is one number.
"""
