"""The console in a real browser: what people see and do, at the width of a desk and of a hand."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from governance.evidence.verification import verify_pack
from governance.ledger.proof import decode_proof
from governance.ledger.trust_policy import trusting
from tests.governance.story import SIGNER

if TYPE_CHECKING:
    from conftest import House

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
WIDTHS = {"desk": 1280, "hand": 390}
START_S = 10


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@contextmanager
def served(house: "House") -> Iterator[str]:
    """The address under which the house is served, on a port of the loopback interface that was free."""
    server = uvicorn.Server(uvicorn.Config(house.app, host="127.0.0.1", port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + START_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def page_for(browser: Browser, address: str, width: int, complaints: list[str]) -> Iterator[Page]:
    """A fresh browser window; what the console of the browser complains about is collected."""
    context = browser.new_context(viewport={"width": width, "height": 900}, base_url=address)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()


def sign_in(page: Page, token: str) -> None:
    """By the form."""
    page.goto("/sign-in")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_a_member_of_the_board_signs_in_reads_votes_and_sees_it_in_the_ledger(
    house: "House", browser: Browser, width: int, tmp_path: Path
) -> None:
    complaints: list[str] = []
    with served(house) as address, page_for(browser, address, width, complaints) as page:
        sign_in(page, house.tokens["board"])
        page.get_by_role("navigation").get_by_role("link", name="Models").click()
        page.get_by_role("row", name="EASE with prices").get_by_role("link").click()
        page.get_by_text("receive 34.1 % of the attention").wait_for()
        report = page.frame_locator("iframe").get_by_text("European works receive 17.2 %").inner_text()
        page.get_by_label("Approve: this model may ship").check()
        page.get_by_label("Comment for the board").fill("The interval lies inside the limit.")
        page.get_by_role("button", name="Cast the vote").click()
        page.get_by_text("The interval lies inside the limit.").wait_for()
        page.get_by_role("navigation").get_by_role("link", name="Ledger").click()
        newest = page.locator(".timeline li").first.inner_text()
        page.screenshot(path=tmp_path / "ledger.png", full_page=True)

    assert "European works" in report
    assert "Miriam Adeyemi voted to approve in the review" in newest
    assert "not published yet" in newest
    assert complaints == []
    assert (tmp_path / "ledger.png").stat().st_size > 10_000


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_no_page_is_wider_than_the_window_and_none_makes_the_browser_complain(
    house: "House", browser: Browser, width: int
) -> None:
    things, complaints = house.things, []
    paths = ("/", "/models", f"/models/{things['plain']}", f"/models/{things['mitigated']}", "/reviews", "/requests")
    paths += (
        f"/requests/{things['done']}",
        f"/requests/{things['access']}",
        "/ledger",
        "/ledger/17",
        f"/models/{things['mitigated']}/history",
        "/budget",
        "/policies",
    )
    with served(house) as address, page_for(browser, address, width, complaints) as page:
        sign_in(page, house.tokens["officer"])
        wide = {}
        for path in paths:
            page.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            wide[path] = overflow(page)

    assert wide == dict.fromkeys(paths, 0)
    assert complaints == []


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_an_auditor_filters_the_ledger_follows_a_model_and_takes_the_evidence_home(
    house: "House", browser: Browser, width: int, tmp_path: Path
) -> None:
    complaints: list[str] = []
    policy = trusting(SIGNER.verifier_key)
    with served(house) as address, page_for(browser, address, width, complaints) as page:
        sign_in(page, house.tokens["auditor"])
        page.goto("/ledger")
        page.get_by_label("Kind").select_option("gate.")
        page.get_by_label("From").fill("2026-11-23")
        page.get_by_role("button", name="Show").click()
        decided = page.locator(".timeline li").all_inner_texts()
        page.locator(".timeline li").first.get_by_role("link").nth(1).click()
        page.get_by_role("link", name="Every step with its proof").click()
        steps = page.get_by_role("heading", level=2).all_inner_texts()
        page.goto("/ledger/19")
        with page.expect_download() as proof:
            page.get_by_role("link", name="Take it home").click()
        page.goto("/ledger")
        page.get_by_label("Last day").fill("2026-11-23")
        with page.expect_download() as pack:
            page.get_by_role("button", name="Make the file").click()
        pack.value.save_as(tmp_path / "pack.zip")
        proof.value.save_as(tmp_path / "19.tlog-proof")

    assert len(decided) == 2
    assert all("The gate decided" in each and "proved" in each for each in decided)
    assert steps[:4] == ["Deployment", "Board", "Gate", "Audits"]
    assert decode_proof((tmp_path / "19.tlog-proof").read_bytes()).index == 19
    assert verify_pack(tmp_path / "pack.zip", policy).end == 33
    assert complaints == []


def test_everything_can_be_reached_with_the_keyboard_and_the_focus_is_seen(house: "House", browser: Browser) -> None:
    with served(house) as address, page_for(browser, address, WIDTHS["desk"], []) as page:
        sign_in(page, house.tokens["officer"])
        page.keyboard.press("Tab")
        first = page.evaluate("document.activeElement.textContent")
        seen = []
        for _ in range(10):
            page.keyboard.press("Tab")
            outline = "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
            seen.append((page.evaluate("document.activeElement.textContent").strip(), page.evaluate(outline) >= 2))

    assert first == "Skip to the content"
    assert [name for name, _ in seen][1:] == [
        "Overview", "Models", "Reviews", "Waivers", "Requests", "Ledger", "Budget & consents", "Policies", "Sign out",
    ]  # fmt: skip
    assert all(visible for _, visible in seen)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_people_need(house: "House", browser: Browser, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1, measured on each text against the nearest ground behind it."""
    with served(house) as address:
        context = browser.new_context(color_scheme=scheme, base_url=address)
        page = context.new_page()
        sign_in(page, house.tokens["officer"])
        poor = []
        for path in (
            "/",
            f"/models/{house.things['plain']}",
            f"/requests/{house.things['done']}",
            "/ledger",
            "/ledger/3",
            f"/models/{house.things['plain']}/history",
            "/budget",
        ):
            page.goto(path)
            poor += page.evaluate(CONTRAST)
        context.close()

    assert poor == []


CONTRAST = """() => {
  const channel = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const ground = node => { while (node) { const c = parse(getComputedStyle(node).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; node = node.parentElement } return [255, 255, 255] };
  const poor = [];
  for (const node of document.querySelectorAll('body *')) {
    if (![...node.childNodes].some(each => each.nodeType === 3 && each.textContent.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([node.textContent.trim().slice(0, 40), ratio]);
  }
  return poor;
}"""
