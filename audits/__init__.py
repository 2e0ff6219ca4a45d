"""Fairness audits of recommendation lists: tables in, a frozen report out.

A library: no database, no HTTP, no clock, no ledger. ``audits.run.run`` measures, ``audits.verdict.judge`` compares an
interval with a limit, ``audits.mitigation.prices.fit_prices`` finds the prices that meet exposure limits
(``price_report`` beside it measures them on others, ``online`` corrects them while serving), ``audits.html.render``
writes the page a reviewer reads.
"""
