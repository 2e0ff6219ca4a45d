"""Writes v1.json: a box that must open for as long as boxes of this form exist. Run once; sealing draws a fresh key."""

import json
from pathlib import Path

from pseudonymisation.boxes import box_key, seal
from pseudonymisation.pseudonym import SubjectSecret

SECRET, PURPOSE, PLACE = bytes(range(1, 33)), "00000000-0000-4000-8000-000000000001", "ab" * 32

if __name__ == "__main__":
    secret, content = SubjectSecret(SECRET), "what an entry was about"
    key = box_key(secret, PURPOSE.encode())
    vector = {
        "scheme": "HPKE base, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM (RFC 9180)",
        "subject_secret": SECRET.hex(),
        "purpose": PURPOSE,
        "place": PLACE,
        "content": content,
        "box_key": key.hex(),
        "sealed": seal(key, content.encode(), place=PLACE.encode()).hex(),
    }
    Path(__file__).with_name("v1.json").write_text(json.dumps(vector, indent=1) + "\n", encoding="utf-8")
