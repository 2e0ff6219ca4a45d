"""Exposure limits at the least loss, and lists with a mix of their own: what each costs, and who pays.

Prices with a proof, controllers that correct them while serving, and options for single lists; each is measured on
subjects that nothing was fitted on.
"""
