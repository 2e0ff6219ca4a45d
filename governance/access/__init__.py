"""Who may do what: principals, API tokens, console sessions, permissions by role.

Trusted for: whoever can write these tables can act as anybody. The ledger shows who was added and which tokens were
issued.
"""
