"""The decision's page in a real browser: at a desk, in a hand, in the dark, and on paper."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from playwright.sync_api import Browser, sync_playwright

from audits.sensitivity import Band, Sensitivity
from governance.gate.outputs import page
from tests.governance.builders import measured
from tests.outputs.examples import EVERY_STANDING, MEASURED, decided, hostile

CHROMIUM = Path("/usr/bin/chromium")
SHARES = tuple(
    replace(measured("exposure_share", 0.1 + index / 50, 0.08, 0.3, "genre", f"genre number {index}"), target=0.2)
    for index in range(14)
)
REPORT = replace(
    MEASURED,
    measurements=(*MEASURED.measurements, *SHARES),
    differences=(measured("exposure_share", 0.05, 0.01, 0.09, "genre", "genre number 3"),),
    sensitivity=Sensitivity(
        models=("logarithmic", "uniform", "geometric 0.5"),
        subjects=1000,
        bands=tuple(
            Band(
                metric="exposure_share",
                attribute="genre",
                category=f"genre number {index}",
                group=None,
                low=0.05,
                low_model="uniform",
                high=0.2 + index / 50,
                high_model="geometric 0.5",
            )
            for index in range(14)
        ),
    ),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "gate.html"
    path.write_bytes(page.render(decided(made=REPORT)))
    return path


@pytest.fixture(scope="module")
def harmful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("harmful") / "gate.html"
    path.write_bytes(page.render(hostile()))
    return path


def test_it_needs_nothing_else_and_runs_nothing(harmful: Path) -> None:
    text = harmful.read_text()

    assert "<script" not in text
    assert not re.search(r"""(src|href|xlink:href|\son\w+)\s*=\s*["'](?!#)""", re.sub(r"&quot;|&#34;|&#39;", "", text))
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_every_picture_has_a_name_and_is_well_formed(harmful: Path) -> None:
    pictures = re.findall(r"<svg.*?</svg>", harmful.read_text(), flags=re.DOTALL)

    assert len(pictures) >= 4
    for picture in pictures:
        root = ET.fromstring(picture)  # noqa: S314 - our own output
        assert root.get("role") == "img"
        assert root.get("aria-label")


def test_what_blocks_stands_before_what_is_met_and_waivers_have_their_owner(written: Path) -> None:
    text = written.read_text()

    places = [text.index(f'class="stand {each}"') for each in ("failed", "undecided", "waived", "warning", "met")]
    assert places == sorted(places)
    assert "catalogue team" in text
    assert "AVMSD Art. 13(1): a share, and prominence. Approved by review board." in text
    assert "probity gate check --recommendations lists.csv --items items.csv" in text
    assert "1 of 1 categories changed beyond chance." in text
    assert "<td>all by origin</td>" in text
    assert "<td>origin: european</td>" in text
    assert "Moves furthest: genre number 13, from 5.00% (uniform) to 46.00% (geometric 0.5)." in text


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_is_no_wider_than_the_window_and_its_pictures_can_be_read(
    browser: Browser, written: Path, harmful: Path, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    opened, complaints = context.new_page(), []
    opened.on("console", lambda said: complaints.append(said.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    for path in (written, harmful):
        opened.goto(path.as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        smallest = opened.evaluate(
            "Math.min(...[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height))"
        )
        assert smallest >= 8
    context.close()

    assert complaints == []


@pytest.mark.browser
def test_on_paper_everything_folded_is_open(browser: Browser, written: Path) -> None:
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(written.as_uri())
    rationale = opened.get_by_text("AVMSD Art. 13(1)").first
    folded = rationale.is_visible()
    opened.emulate_media(media="print")
    printed = rationale.is_visible()
    paper = opened.pdf(prefer_css_page_size=True)
    context.close()

    assert (folded, printed) == (False, True)
    assert paper.startswith(b"%PDF")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_words_stand_out_from_the_ground(browser: Browser, written: Path, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: contrast of 4.5 to 1 at least."""
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type] # one of its words
    opened = context.new_page()
    opened.goto(written.as_uri())
    colours = opened.evaluate(
        """() => [...document.querySelectorAll('main p, main li, main td, main th, main dt, .stand')].map(e => {
          const behind = x => getComputedStyle(x).backgroundColor;
          let ground = e;
          while (behind(ground) === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
          return [getComputedStyle(e).color, behind(ground)];
        })"""
    )
    context.close()

    assert len(colours) > 50
    assert min(contrast(*pair) for pair in {tuple(each) for each in colours}) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of relative luminances."""
    lights = sorted(luminance(each) for each in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_policy_of_hundreds_of_rules_gives_a_page_that_can_be_opened() -> None:
    finding = EVERY_STANDING.findings[0]
    many = tuple(replace(finding, rule=f"rule-{each}") for each in range(300))
    text = page.render(decided(replace(EVERY_STANDING, findings=many), REPORT)).decode()

    assert text.count('<figure class="drawn"><svg') == 300
    assert len(text) < len(page.render(decided(EVERY_STANDING, REPORT))) + 300 * 3000
