"""Who did what and was refused what: entries that are only added, without content and secrets.

Whoever acts calls `muniment.audit.trail.record` with an act, in the transaction of the act.
"""
