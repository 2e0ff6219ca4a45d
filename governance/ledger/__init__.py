"""The transparency log: what changed in the pipeline, in an order that outsiders can verify.

One entry per change, written in the transaction of the change (`store`). A publisher turns entries into a folder of
tiles and a signed checkpoint (`publish`), which `export` hands to an auditor and `verify` checks from files alone.

What each store is trusted for: whoever can write the checkpoint table *and* the published folder, and holds the
signing key, can show two people two histories; whoever can write the entries only can make verification fail, not
lie. Old checkpoints in other hands are what makes a rewritten history visible.

Formats: RFC 6962 (tree), RFC 8785 (entries), C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles,
tlog-proof and tlog-policy.
"""
