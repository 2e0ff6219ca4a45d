"""What a pack tells the auditor about itself."""

README = """\
# Evidence from {origin}, {first_day} to {last_day}

What happened between these days (UTC, both included), as the transparency log of the recommender's pipeline has it:
{count} entries{range}, proved against the signed checkpoint of {size} entries.

## Check it

    probity evidence verify THIS-FILE.zip --policy YOUR-POLICY

`YOUR-POLICY` is a C2SP tlog-policy that names the log's key (and witnesses, if you rely on any) as you know it from a
source other than this file: a contract, a letter, an earlier pack. The file `policy` in here shows the form. The
command needs no network, no database and no account. It exits 0 when all holds, 1 when something does not, 2 when it
could not be asked that way, 3 when this file says that it lacks something which the log names (`missing` in
`manifest.json`; the reasons there are ours, and nobody vouches for them).

The proofs are C2SP tlog-proof files, so other tools check them too: the leaf hash of an entry is SHA-256(0x00 || file).

The digest of this whole file is in the log, in an entry of the kind `evidence.exported` that was written when the file
was made. Compare it with `sha256sum THIS-FILE.zip`.

## What is in it

| file | what it is |
|---|---|
| `entries.csv` | the entries as a table, each with one sentence; open it in a spreadsheet |
| `entries/N.json` | entry N as it is hashed (RFC 8785 JSON) |
| `entries/N.tlog-proof` | the proof that the signed checkpoint contains it |
| `related/…` | entries outside the period that show it is complete, or that a model of the period rests on |
| `checkpoint` | the signed checkpoint that the proofs are against |
| `checkpoint.before`, `consistency` | a checkpoint from before the period; proof that the log only grew since |
| `reports/…` | audits: `.json` has the digest that the log names, `.html` is drawn from it, to read |
| `attacks/…` | attacks on our own releases, each with the digest that the log names: the least epsilon that they show |
| `released/…`, `disclosed/…` | audits that left the house, with noise or with small groups suppressed |
| `prices/…`, `mitigations/…` | the exposure prices of a model, and the report on what they cost and whom |
| `notices/…` | what data subjects were told |
| `decisions/…` | the gate's decisions with every finding |
| `models/…` | where each model came from: release, guarantee, snapshot, and the entries that recorded each step |
| `policies/…` | the texts of policies, each under the SHA-256 that the log names |
| `attestations/…` | signed statements (DSSE, in-toto) |
| `log.vkey`, `policy` | the log's public key, and a trust policy with it; compare them with your own |
| `manifest.json` | every file with its SHA-256, and what could not be included |

The entries vouch for themselves, and for the digests of reports, attacks, documents, policies and attestations.
Decisions are worked out again by the gate from report and policy, every figure and sentence of them, with the version
of `probity` that you use. What a file below `models/` says of a model is held to the entries, and up to the snapshot
its steps list every entry in here that is about the model. Of what came before the snapshot (policies, catalogue,
consents, batches) they list what we chose, each an entry of the named kind. Of an attestation the form, the digest and
the name of the key are checked here; its signature is checked by `probity attest verify`. The pages (`.html`), this
text and the sentences in `entries.csv` are for reading; only the digest of the whole file covers them.

Some entries keep only their day, because a lone request on a date can be a person. No file in here names a data
subject. A `commitment` is a salted hash; while its salt is kept, the operator can open it for you, outside this file.

The period is complete: its entries have consecutive numbers, and `related/` holds the ones just before and
after.{ending}
"""

OPEN_ENDED = """

The log ended with the period when the checkpoint was signed: what was entered later on its last day is not in here."""
