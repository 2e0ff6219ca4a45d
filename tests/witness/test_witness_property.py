"""Whatever is asked of a witness, and in whatever order: what it cosigned is one history."""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.trust_policy import trusting
from governance.ledger.witness_protocol import AddCheckpoint, encode_request
from governance.witness.cosigning import OtherSize, add_checkpoint
from governance.witness.folder import create_folder
from tests.witness.growing_log import LOG, NOON, GrowingLog

LOGS = (GrowingLog(), GrowingLog(history=b"one", common=3), GrowingLog(history=b"two", common=0))
# Which history is shown, which one is proved, from which size (None: the right one), and how much further.
asked = st.tuples(st.sampled_from(LOGS), st.sampled_from(LOGS), st.none() | st.integers(0, 9), st.integers(-1, 3))
Asked = tuple[GrowingLog, GrowingLog, int | None, int]


@settings(max_examples=20, deadline=None)
@given(st.lists(asked, min_size=4, max_size=10))
def test_all_that_a_witness_cosigned_is_one_history(requests: list[Asked]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        witness = create_folder(Path(folder), "witness.example/w", trusting(LOG.verifier_key), draw=bytes)
        cosigned: list[tuple[GrowingLog, int]] = []
        for shown, proved, claimed, growth in requests:
            old = (cosigned[-1][1] if cosigned else 0) if claimed is None else claimed
            size = max(old + growth, 0)
            proof = tuple(proved.prove(old, size)) if 0 < old <= size else ()
            with suppress(OtherSize, BrokenProof, InvalidInput):
                body = encode_request(AddCheckpoint(old, proof, shown.note(size)))
                add_checkpoint(witness, body, clock=lambda: NOON)
                cosigned.append((shown, size))

    newest = cosigned[-1][0] if cosigned else LOGS[0]
    assert [size for _, size in cosigned] == sorted(size for _, size in cosigned)
    event(f"{len(cosigned)} cosigned")
    for log, size in cosigned:
        assert log.at(size) == newest.at(size)
