"""Fetching a published set: licence, transfer, checksum, unpacking, in this order: nothing unchecked is unpacked.

What is trusted: the pinned checksum in ``published``; where none is pinned, the publisher over TLS. The server, the
network and the archive's own directory are not.
"""

import hashlib
import re
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import httpx

from pseudonymisation.sources.errors import (
    ChecksumMismatch,
    DownloadError,
    Interrupted,
    LicenceDeclined,
    UnknownSet,
    UnsafeArchive,
)
from pseudonymisation.sources.progress import Progress, silent
from pseudonymisation.sources.published import PUBLISHED, PublishedSet

_CHUNK = 1 << 18
_TIMEOUT_S = 30.0
_OK, _PARTIAL, _RANGE_REFUSED = 200, 206, 416


def get_published(slug: str) -> PublishedSet:
    """The listed set of that name. Raises UnknownSet, naming those that exist."""
    for known in PUBLISHED:
        if known.slug == slug:
            return known
    msg = f"expected one of {', '.join(known.slug for known in PUBLISHED)}, got another name"
    raise UnknownSet(msg)


def download(
    slug: str,
    into: Path,
    *,
    accept_licence: Callable[[PublishedSet], bool],
    base_url: str | None = None,
    client: httpx.Client | None = None,
    progress: Progress = silent,
) -> Path:
    """Fetches a published set and answers its folder, ``into/slug``; one that is already there is answered as it is.

    Args:
        slug: a name of ``PUBLISHED``.
        into: the folder for data sets; made if missing.
        accept_licence: shown the set, whose ``licence`` it puts before a person, before anything is requested.
        base_url: where a mirror keeps ``slug.zip``; the publisher if None. Checksums stay the same.
        client: an httpx client of one's own (proxies, certificates); closed by whoever made it.
        progress: told the bytes received and unpacked.

    Guarantees:
      - without acceptance nothing is requested
      - nothing is unpacked before the whole archive has its checksum
      - ``into/slug`` appears complete or not at all; a transfer that stopped is resumed by the next call

    Raises:
        UnknownSet, LicenceDeclined, Interrupted, ChecksumMismatch, UnsafeArchive, DownloadError
    """
    return fetch(
        get_published(slug), into, accept_licence=accept_licence, base_url=base_url, client=client, progress=progress
    )


def fetch(
    published: PublishedSet,
    into: Path,
    *,
    accept_licence: Callable[[PublishedSet], bool],
    base_url: str | None = None,
    client: httpx.Client | None = None,
    progress: Progress = silent,
) -> Path:
    """As ``download``, for a set that need not be listed."""
    target = into / published.slug
    if target.is_dir():
        return target
    if not accept_licence(published):
        msg = f"{published.slug}: its licence was not accepted, so nothing was downloaded"
        raise LicenceDeclined(msg)
    url = published.url if base_url is None else f"{base_url.rstrip('/')}/{published.slug}.zip"
    partial = into / f".{published.slug}.zip.partial"
    with _disk(published), _opened(client) as http:
        into.mkdir(parents=True, exist_ok=True)
        algorithm, expected = _checksum(http, published, url)
        _transfer(http, published, url, partial, progress)
        _verify_checksum(published, partial, algorithm, expected)
        _unpack(published, partial, into, progress)
        partial.unlink()
    return target


@contextmanager
def _opened(client: httpx.Client | None) -> Iterator[httpx.Client]:
    if client is not None:
        yield client
        return
    with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=True) as own:
        yield own


@contextmanager
def _disk(published: PublishedSet) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        reason = cause.strerror or "input/output error"
        msg = f"{published.slug}: cannot write the download ({reason}); free the disk or choose another folder"
        raise DownloadError(msg) from cause


def _checksum(http: httpx.Client, published: PublishedSet, url: str) -> tuple[str, str]:
    """The algorithm and the expected digest in hexadecimal."""
    if published.sha256 is not None:
        return "sha256", published.sha256
    try:
        answer = http.get(f"{url}.md5")
    except httpx.HTTPError as cause:
        raise _unreachable(published, cause) from cause
    found = re.search(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", answer.text.lower())
    if answer.status_code != _OK or found is None:
        msg = f"{published.slug}: expected the publisher's MD5 beside the archive, got HTTP {answer.status_code}"
        raise DownloadError(msg)
    return "md5", found[0]


def _transfer(http: httpx.Client, published: PublishedSet, url: str, partial: Path, progress: Progress) -> None:
    """Leaves the whole archive in ``partial``, continuing what an earlier call left there."""
    have = partial.stat().st_size if partial.exists() else 0
    if have and have == published.size_bytes:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with http.stream("GET", url, headers=headers) as answer:
            if answer.status_code == _RANGE_REFUSED:
                return  # all of it is here, or something else is: the checksum will tell
            if answer.status_code not in {_OK, _PARTIAL}:
                msg = (
                    f"{published.slug}: expected the archive, got HTTP {answer.status_code}; try later or name a mirror"
                )
                raise DownloadError(msg)
            resumed = answer.status_code == _PARTIAL and answer.headers.get("content-range", "").startswith(
                f"bytes {have}-"
            )
            if answer.status_code == _PARTIAL and not resumed:
                partial.unlink(missing_ok=True)
                msg = f"{published.slug}: expected the rest of the archive, got another part; run it again"
                raise Interrupted(msg)
            _receive(answer, published, partial, have if resumed else 0, progress)
    except httpx.HTTPError as cause:
        raise _unreachable(published, cause) from cause


def _receive(answer: httpx.Response, published: PublishedSet, partial: Path, have: int, progress: Progress) -> None:
    announced = int(answer.headers["content-length"]) if answer.headers.get("content-length", "").isdigit() else None
    total = published.size_bytes or (have + announced if announced is not None else None)
    with partial.open("ab" if have else "wb") as file:
        for chunk in answer.iter_raw():  # no chunk size: httpx would lose what it gathered when the transfer breaks
            have += len(chunk)
            if have > published.most_bytes:
                file.close()
                partial.unlink()
                msg = f"{published.slug}: expected at most {published.most_bytes:,} bytes, got more; nothing was kept"
                raise ChecksumMismatch(msg)
            file.write(chunk)
            progress(f"downloading {published.slug}", have, total)
    if total is not None and have < total:
        msg = f"{published.slug}: the transfer stopped after {have:,} of {total:,} bytes; run it again to resume"
        raise Interrupted(msg)


def _unreachable(published: PublishedSet, cause: httpx.HTTPError) -> Interrupted:
    return Interrupted(f"{published.slug}: the transfer failed ({type(cause).__name__}); run it again to resume")


def _verify_checksum(published: PublishedSet, partial: Path, algorithm: str, expected: str) -> None:
    with partial.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != expected:
        partial.unlink()
        msg = (
            f"{published.slug}: expected an archive with {algorithm} {expected}, got {found}; it was deleted and "
            "nothing was unpacked. Run it again; if it stays so, the archive has changed or another answers for it"
        )
        raise ChecksumMismatch(msg)


def _unpack(published: PublishedSet, archive: Path, into: Path, progress: Progress) -> None:
    """Unpacks beside the target and renames it into place."""
    staging = into / f".{published.slug}.unpacking"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            for member in members:
                _verify_member(published, member)
            done = 0
            for member in members:
                done += _extract(packed, member, staging, published.most_unpacked_bytes - done)
                progress(f"unpacking {published.slug}", done, None)
        (staging / published.slug).replace(into / published.slug)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as cause:
        msg = f"{published.slug}: expected a zip archive, got bytes that cannot be unpacked ({type(cause).__name__})"
        raise UnsafeArchive(msg) from cause
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _verify_member(published: PublishedSet, member: zipfile.ZipInfo) -> None:
    """Refuses whatever would land outside the set's own folder, or is not a plain file."""
    path = PurePosixPath(member.filename)
    inside = path.parts[:1] == (published.slug,) and len(path.parts) > 1 and ".." not in path.parts
    kind = stat.S_IFMT(member.external_attr >> 16)
    if not inside or "\\" in member.filename or ":" in member.filename or kind not in {0, stat.S_IFREG}:
        msg = (
            f"{published.slug}: expected plain files under {published.slug}/, got something else too; nothing was kept"
        )
        raise UnsafeArchive(msg)


def _extract(packed: zipfile.ZipFile, member: zipfile.ZipInfo, staging: Path, budget: int) -> int:
    """Writes one member, within ``budget`` bytes counted as they come: an archive's own figures prove nothing.

    Answers how many it wrote.
    """
    path = staging / member.filename
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with packed.open(member) as source, path.open("xb") as file:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > budget:
                msg = f"expected no more than {budget:,} further bytes from the archive, got more; nothing was kept"
                raise UnsafeArchive(msg)
            file.write(chunk)
    return written
