import hashlib
import io
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pseudonymisation.sources.download import download, fetch, get_published
from pseudonymisation.sources.errors import (
    ChecksumMismatch,
    DownloadError,
    Interrupted,
    LicenceDeclined,
    UnknownSet,
    UnsafeArchive,
)
from pseudonymisation.sources.published import PUBLISHED, PublishedSet


@dataclass
class Mirror:
    """A server on the loopback: what it serves, what was asked of it, and how it misbehaves."""

    files: dict[str, bytes]
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    cut_after: int | None = None
    ranges: bool = True


def handler(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            mirror.asked.append((self.path, wanted))
            body = mirror.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and mirror.ranges else 0
            if first >= len(body) and first:
                self.send_error(416)
                return
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(body) - first))
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
            self.end_headers()
            self.wfile.write(body[first:][: mirror.cut_after])

        def log_message(self, *_: object) -> None:
            """Says nothing: tests read ``asked``."""

    return Handler


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Mirror]:
    mirror = Mirror(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(mirror))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    mirror.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def archive(members: dict[str, bytes], *, modes: dict[str, int] | None = None) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (modes or {}).get(name, 0) << 16
            packed.writestr(info, content)
    return data.getvalue()


GOOD = archive({"tiny/u.data": b"1\t1\t5\t1\n" * 20_000, "tiny/README": b"terms\n"})


def tiny(body: bytes = GOOD, *, pinned: bool = True, most_unpacked: int = 1_000_000) -> PublishedSet:
    return PublishedSet(
        slug="tiny",
        title="Tiny",
        url="https://example.org/tiny.zip",
        sha256=hashlib.sha256(body).hexdigest() if pinned else None,
        size_bytes=len(body) if pinned else None,
        most_bytes=1_000_000,
        most_unpacked_bytes=most_unpacked,
        licence="Research only.",
    )


def accept(_: PublishedSet) -> bool:
    return True


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_good_archive_is_unpacked_and_nothing_else_is_left(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    with serving({"/tiny.zip": GOOD}) as mirror:
        folder = fetch(
            tiny(), tmp_path, accept_licence=accept, base_url=mirror.url, progress=lambda *told: seen.append(told)
        )

    assert folder == tmp_path / "tiny"
    assert (folder / "u.data").read_bytes() == b"1\t1\t5\t1\n" * 20_000
    assert left_in(tmp_path) == ["tiny"]
    assert ("downloading tiny", len(GOOD), len(GOOD)) in seen
    assert seen[-1] == ("unpacking tiny", 160_006, None)


def test_the_licence_is_shown_first_and_without_consent_nothing_is_requested(tmp_path: Path) -> None:
    shown: list[str] = []

    def decline(published: PublishedSet) -> bool:
        shown.append(published.licence)
        return False

    with serving({"/tiny.zip": GOOD}) as mirror:
        with pytest.raises(LicenceDeclined):
            fetch(tiny(), tmp_path, accept_licence=decline, base_url=mirror.url)
        assert mirror.asked == []

    assert shown == ["Research only."]
    assert left_in(tmp_path) == []


def test_a_set_that_is_already_there_is_answered_without_a_request(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()

    with serving({}) as mirror:
        assert fetch(tiny(), tmp_path, accept_licence=accept, base_url=mirror.url) == tmp_path / "tiny"
        assert mirror.asked == []


def test_a_corrupt_archive_is_deleted_and_never_unpacked(tmp_path: Path) -> None:
    corrupt = GOOD[:50] + bytes([GOOD[50] ^ 1]) + GOOD[51:]

    with (
        serving({"/tiny.zip": corrupt}) as mirror,
        pytest.raises(ChecksumMismatch, match="expected an archive with sha256"),
    ):
        fetch(tiny(), tmp_path, accept_licence=accept, base_url=mirror.url)

    assert left_in(tmp_path) == []


def test_a_transfer_that_breaks_off_is_resumed_where_it_stopped(tmp_path: Path) -> None:
    with serving({"/tiny.zip": GOOD}) as mirror:
        mirror.cut_after = 100
        with pytest.raises(Interrupted, match="run it again to resume"):
            fetch(tiny(), tmp_path, accept_licence=accept, base_url=mirror.url)
        assert left_in(tmp_path) == [".tiny.zip.partial"]
        mirror.cut_after = None

        fetch(tiny(), tmp_path, accept_licence=accept, base_url=mirror.url)

        assert mirror.asked == [("/tiny.zip", ""), ("/tiny.zip", "bytes=100-")]
    assert left_in(tmp_path) == ["tiny"]


def test_a_server_that_knows_no_ranges_starts_over(tmp_path: Path) -> None:
    (tmp_path / ".tiny.zip.partial").write_bytes(b"old")

    with serving({"/tiny.zip": GOOD}) as mirror:
        mirror.ranges = False
        fetch(tiny(), tmp_path, accept_licence=accept, base_url=mirror.url)

    assert (tmp_path / "tiny" / "README").read_bytes() == b"terms\n"


def test_a_partial_file_of_something_else_ends_in_a_checksum_error_and_the_next_call_succeeds(tmp_path: Path) -> None:
    (tmp_path / ".tiny.zip.partial").write_bytes(b"x" * 10)

    with serving({"/tiny.zip": GOOD}) as mirror:
        with pytest.raises(ChecksumMismatch):
            fetch(tiny(), tmp_path, accept_licence=accept, base_url=mirror.url)
        fetch(tiny(), tmp_path, accept_licence=accept, base_url=mirror.url)

    assert left_in(tmp_path) == ["tiny"]


def test_a_missing_archive_says_what_was_answered(tmp_path: Path) -> None:
    with serving({}) as mirror, pytest.raises(DownloadError, match="expected the archive, got HTTP 404"):
        fetch(tiny(), tmp_path, accept_licence=accept, base_url=mirror.url)

    assert left_in(tmp_path) == []


def test_a_server_that_is_away_is_an_interruption(tmp_path: Path) -> None:
    with serving({}) as mirror:
        gone = mirror.url

    with pytest.raises(Interrupted, match="ConnectError"):
        fetch(tiny(), tmp_path, accept_licence=accept, base_url=gone)


@pytest.mark.parametrize("written", ["MD5 (tiny.zip) = {}\n", "{}  tiny.zip\n", "{}"])
def test_an_unpinned_set_is_checked_against_the_publishers_md5(tmp_path: Path, written: str) -> None:
    digest = hashlib.md5(GOOD, usedforsecurity=False).hexdigest()

    with serving({"/tiny.zip": GOOD, "/tiny.zip.md5": written.format(digest).encode()}) as mirror:
        folder = fetch(tiny(pinned=False), tmp_path, accept_licence=accept, base_url=mirror.url)

    assert folder.is_dir()


@pytest.mark.parametrize(
    ("sidecar", "error"), [({}, DownloadError), ({"/tiny.zip.md5": b"MD5 (tiny.zip) = " + b"0" * 32}, ChecksumMismatch)]
)
def test_an_unpinned_set_without_its_right_md5_is_refused(
    tmp_path: Path, sidecar: dict[str, bytes], error: type[DownloadError]
) -> None:
    with serving({"/tiny.zip": GOOD, **sidecar}) as mirror, pytest.raises(error):
        fetch(tiny(pinned=False), tmp_path, accept_licence=accept, base_url=mirror.url)

    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    "members",
    [
        {"tiny/a": b"", "../outside": b""},
        {"tiny/../../outside": b""},
        {"/etc/outside": b""},
        {"other/a": b""},
        {"tiny\\..\\outside": b""},
        {"tiny/C:outside": b""},
        {"tiny": b"a file where the folder should be"},
    ],
)
def test_an_archive_that_reaches_outside_its_folder_is_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    body = archive(members)
    into = tmp_path / "into"

    with serving({"/tiny.zip": body}) as mirror, pytest.raises(UnsafeArchive):
        fetch(tiny(body), into, accept_licence=accept, base_url=mirror.url)

    assert left_in(tmp_path) == ["into"]
    assert not (into / "tiny").exists()


def test_a_symbolic_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    body = archive({"tiny/link": b"/etc/passwd"}, modes={"tiny/link": stat.S_IFLNK | 0o777})

    with serving({"/tiny.zip": body}) as mirror, pytest.raises(UnsafeArchive, match="expected plain files"):
        fetch(tiny(body), tmp_path, accept_licence=accept, base_url=mirror.url)


def test_an_archive_that_swells_beyond_its_limit_is_refused(tmp_path: Path) -> None:
    with serving({"/tiny.zip": GOOD}) as mirror, pytest.raises(UnsafeArchive, match="got more"):
        fetch(tiny(most_unpacked=1000), tmp_path, accept_licence=accept, base_url=mirror.url)

    assert not (tmp_path / "tiny").exists()
    assert not (tmp_path / ".tiny.unpacking").exists()


def test_bytes_that_are_no_archive_are_refused(tmp_path: Path) -> None:
    body = b"<html>Sign in to the hotel network</html>"

    with serving({"/tiny.zip": body}) as mirror, pytest.raises(UnsafeArchive, match="expected a zip archive"):
        fetch(tiny(body), tmp_path, accept_licence=accept, base_url=mirror.url)


def test_a_body_larger_than_allowed_is_cut_off(tmp_path: Path) -> None:
    body = b"0" * 1_000_001

    with (
        serving({"/tiny.zip": body}) as mirror,
        pytest.raises(ChecksumMismatch, match="expected at most 1,000,000 bytes"),
    ):
        fetch(tiny(), tmp_path, accept_licence=accept, base_url=mirror.url)

    assert left_in(tmp_path) == []


def test_a_listed_set_is_held_to_its_pinned_checksum_even_from_a_mirror(tmp_path: Path) -> None:
    with serving({"/ml-1m.zip": GOOD}) as mirror, pytest.raises(DownloadError):
        download("ml-1m", tmp_path, accept_licence=accept, base_url=mirror.url)

    assert not (tmp_path / "ml-1m").exists()


def test_an_unknown_slug_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownSet, match="ml-100k, ml-1m, ml-20m, ml-25m, ml-latest-small"):
        get_published("ml-2m")


def _is_pinned(published: PublishedSet) -> bool:
    return published.sha256 is not None and len(published.sha256) == 64 and published.size_bytes is not None


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.slug)
def test_every_listed_set_has_terms_a_citation_a_limit_and_a_pin_unless_it_changes(published: PublishedSet) -> None:
    assert published.url == f"https://files.grouplens.org/datasets/movielens/{published.slug}.zip"
    assert "commercial" in published.licence
    assert "Harper" in published.citation
    assert published.most_bytes <= published.most_unpacked_bytes
    assert _is_pinned(published) is ("latest" not in published.slug)


def test_a_disk_that_cannot_take_the_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    ask: Callable[[PublishedSet], bool] = accept

    with serving({"/tiny.zip": GOOD}) as mirror, pytest.raises(DownloadError, match="cannot write the download"):
        fetch(tiny(), tmp_path / "data", accept_licence=ask, base_url=mirror.url)
