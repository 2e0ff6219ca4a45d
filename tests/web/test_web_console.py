"""The console: signing in, forms that only this browser can send, and what each page says."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from governance.access.tables import Principal
from governance.database import transaction
from governance.ledger.search import Filter, follow
from governance.registry.tables import Model
from governance.review.board import get_review, vote
from governance.review.deployment import deploy
from governance.web.app import create_app
from governance.web.console.session import local
from governance.web.forms import FORM_COOKIE, SESSION_COOKIE, TOKEN_FIELD, token_for
from governance.web.pages import figure, stamp

if TYPE_CHECKING:
    from conftest import House


def signed_in(house: "House", who: str, destination: str = "/") -> TestClient:
    """A browser in which somebody has signed in by the form."""
    client = house.client()
    client.get("/sign-in")
    form = {"token": house.tokens[who], "next": destination, TOKEN_FIELD: token_for(client.cookies[FORM_COOKIE])}
    answer = client.post("/sign-in", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, destination)
    return client


def send(client: TestClient, address: str, **fields: str) -> int:
    """Send a form as it was shown; the status of the answer."""
    return client.post(address, data={TOKEN_FIELD: token_for(client.cookies[SESSION_COOKIE]), **fields}).status_code


def text_of(client: TestClient, address: str) -> str:
    """What a page says, without its markup."""
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def test_signing_in_sets_a_cookie_that_neither_scripts_nor_other_sites_get(house: "House") -> None:
    client = house.client()
    client.get("/sign-in")
    form = {"token": house.tokens["board"], TOKEN_FIELD: token_for(client.cookies[FORM_COOKIE])}

    cookie = client.post("/sign-in", data=form).headers["set-cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Max-Age=28800" in cookie
    assert house.tokens["board"] not in cookie


def test_the_cookie_is_for_encrypted_connections_only_where_there_is_one(house: "House") -> None:
    client = TestClient(house.app, base_url="https://testserver", follow_redirects=False)
    client.get("/sign-in")
    form = {"token": house.tokens["board"], TOKEN_FIELD: token_for(client.cookies[FORM_COOKIE])}

    answer = client.post("/sign-in", data=form)

    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_a_wrong_token_is_refused_on_the_same_page(shared_house: "House") -> None:
    client = shared_house.client()
    client.get("/sign-in")
    form = {"token": "probity_guess", TOKEN_FIELD: token_for(client.cookies[FORM_COOKIE])}

    answer = client.post("/sign-in", data=form)

    assert answer.status_code == 401
    assert "no valid token was shown" in answer.text
    assert "probity_guess" not in answer.text
    assert SESSION_COOKIE not in client.cookies


def test_who_is_not_signed_in_gets_the_form_and_comes_back_to_the_page_asked_for(shared_house: "House") -> None:
    answer = shared_house.client().get("/ledger?kind=gate.decided")

    assert answer.status_code == 401
    assert 'name="next" value="/ledger?kind=gate.decided"' in answer.text


@pytest.mark.parametrize(
    "address", ["//evil.example", "https://evil.example", "/\\evil.example", "ledger", "/\n/evil", ""]
)
def test_signing_in_leads_nowhere_else(address: str) -> None:
    assert local(address) == "/"
    assert local("/models?offset=50") == "/models?offset=50"


def test_signing_out_ends_the_session_not_only_the_cookie(house: "House") -> None:
    client = signed_in(house, "auditor")
    kept = client.cookies[SESSION_COOKIE]

    assert send(client, "/sign-out") == 303
    client.cookies.set(SESSION_COOKIE, kept)
    assert client.get("/").status_code == 401


def test_a_session_ends_after_the_time_that_the_policy_sets(house: "House") -> None:
    client = signed_in(house, "auditor")
    house.context.clock.now += timedelta(minutes=470)
    assert client.get("/").status_code == 200

    house.context.clock.now += timedelta(minutes=10)

    assert client.get("/").status_code == 401


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
@pytest.mark.parametrize(
    "address", ["/sign-out", "/reviews", "/requests/{erasure}/decision", "/requests/{erasure}/fulfilment"]
)
def test_a_form_that_was_not_shown_to_this_browser_changes_nothing(
    house: "House", address: str, token: str | None
) -> None:
    client = signed_in(house, "officer")
    fields = {"choice": "approve", "model": str(house.things["mitigated"])}
    given = fields if token is None else {**fields, TOKEN_FIELD: token}

    assert client.post(address.format(**house.things), data=given).status_code == 403
    assert client.get("/").status_code == 200
    assert "received" in text_of(client, f"/requests/{house.things['erasure']}")


def test_the_overview_says_what_serves_and_what_waits(house: "House") -> None:
    with transaction(house.context.engine) as session:
        review, rule = get_review(session, house.things["review"]), house.context.policies.access.value.review
        for who in ("board", "board_2"):
            vote(session, review, house.people[who], "approve", policy=rule, clock=house.context.clock)
        deploy(
            session, session.get_one(Model, house.things["mitigated"]), actor="role:operator", clock=house.context.clock
        )

    page = text_of(signed_in(house, "officer"), "/")

    assert "Generation 1 EASE with prices" in page
    assert "ε 5 at δ 10⁻⁶ per subject" in page
    assert "ε 8.058 left for one more release, of 10" in page
    assert "Nothing waits for the board." in page
    assert "2026-12-23" in page
    assert "30 days left" in page
    assert "began to serve as generation 1. review.model_deployed" in page


def test_the_overview_says_so_where_nothing_serves_and_hides_what_one_may_not_read(house: "House") -> None:
    page = text_of(house.client("engineer"), "/")

    assert "No model is deployed." in page
    assert "Requests due" not in page


def test_a_model_says_why_the_gate_failed_it(shared_house: "House") -> None:
    page = text_of(shared_house.client("auditor"), f"/models/{shared_house.things['plain']}")

    assert "Titles with origin = european receive 17.2 % of the attention" in page
    assert "the policy asks for at least 30 %" in page
    assert "Not applicable: every-genre-visible" in page
    assert "discrete Gaussian on the Gram matrix" in page
    assert "The board was not asked." in page


def test_a_member_votes_on_the_models_page(house: "House") -> None:
    client, address = signed_in(house, "board"), f"/models/{house.things['mitigated']}"
    assert "Cast the vote" in text_of(client, address)

    status = send(client, f"/reviews/{house.things['review']}/votes", choice="approve", comment="Well <b>argued</b>.")

    page = client.get(address).text
    assert status == 303
    assert "Well &lt;b&gt;argued&lt;/b&gt;." in page
    assert "1 of 2 approvals" in page


def test_the_one_who_proposed_a_model_is_shown_no_vote(house: "House") -> None:
    with transaction(house.context.engine) as session:
        session.get_one(Principal, house.people["engineer"].id).roles = ["board", "engineer"]
    client = signed_in(house, "engineer")

    assert "Nobody votes on a model that they made or proposed." in text_of(
        client, f"/models/{house.things['mitigated']}"
    )
    assert send(client, f"/reviews/{house.things['review']}/votes", choice="approve") == 403


def test_an_engineer_proposes_a_rejected_model_again(house: "House") -> None:
    refused = send(signed_in(house, "board"), f"/reviews/{house.things['review']}/votes", choice="refuse")
    client = signed_in(house, "engineer")
    assert "Propose it to the board" in text_of(client, f"/models/{house.things['mitigated']}")

    status = send(client, "/reviews", model=str(house.things["mitigated"]))

    assert (refused, status) == (303, 303)
    assert text_of(client, "/reviews").count("0 of 2") == 2


def test_a_stored_report_is_shown_without_scripts_network_or_cookies(shared_house: "House") -> None:
    answer = shared_house.client("board").get(f"/models/{shared_house.things['plain']}/report")

    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "17.2 %" in answer.text


def test_an_officer_approves_and_has_the_work_done(house: "House") -> None:
    client, address = signed_in(house, "officer"), f"/requests/{house.things['erasure']}"
    assert "Approve" in text_of(client, address)

    assert send(client, f"{address}/decision", choice="approve") == 303
    assert "Erasing cannot be undone." in text_of(client, address)
    assert send(client, f"{address}/fulfilment") == 303
    assert "fulfilled closed" in text_of(client, address)


def test_an_officer_refuses_on_a_ground_and_never_without(house: "House") -> None:
    client, address = signed_in(house, "officer"), f"/requests/{house.things['access']}"

    assert send(client, f"{address}/decision", choice="refuse", ground="") == 422
    assert send(client, f"{address}/decision", choice="refuse", ground="excessive") == 303
    assert "Refused excessive" in text_of(client, address)


def test_a_request_shows_its_certificate_and_no_subject(shared_house: "House") -> None:
    client, address = shared_house.client("auditor"), f"/requests/{shared_house.things['done']}"

    page = text_of(client, address)

    assert "Subject erased" in page
    assert "vault identifiers: 3; subjects: 1 0" in page
    assert "Replaced by a new generation at the latest on 2027-02-21" in page
    assert client.get(f"{address}/certificate").json()["payloadType"].startswith("application/vnd.probity.erasure")


def test_a_pseudonym_is_never_shown_whole(shared_house: "House") -> None:
    page = shared_house.client("auditor").get(f"/requests/{shared_house.things['access']}").text

    assert "a" * 32 not in page
    assert "a" * 12 + "…" in page


def test_a_late_answer_is_called_late(house: "House") -> None:
    house.context.clock.now += timedelta(days=32)

    assert "2 days late" in text_of(house.client("auditor"), "/requests")


def test_the_ledger_is_filtered_by_kind_and_paged(shared_house: "House") -> None:
    client = shared_house.client("auditor")

    page = text_of(client, "/ledger?kind=gate.decided")
    older = re.findall(r'aria-label="Entry (\d+)"', client.get("/ledger?before=3").text)

    assert "The gate decided fail on the model" in page
    assert "The gate decided pass on the model" in page
    assert older == ["2", "1", "0"]


def test_an_entry_is_shown_proved_or_said_to_be_broken(house: "House") -> None:
    client = house.client("auditor")
    assert "Proved. The signed checkpoint of 33 entries contains exactly these bytes." in text_of(client, "/ledger/2")

    with house.context.engine.begin() as connection:
        connection.exec_driver_sql("drop trigger ledger_entry_no_update")
        connection.exec_driver_sql(
            "update ledger_entry set body = cast(replace(cast(body as text), 'board', 'fraud') as blob) where seq = 2"
        )

    assert "This entry cannot be proved. entry 2: its bytes do not lead to the signed root of 33 entries" in text_of(
        client, "/ledger/2"
    )


def test_consents_appear_by_purpose(shared_house: "House") -> None:
    page = text_of(shared_house.client("engineer"), "/budget")

    assert "Improving the recommendations of everybody A6-1-a consent 40 0 0" in page
    assert "Sharing with the makers of titles (sale or sharing) A6-1-a consent 0 10 0" in page


def test_policies_are_shown_with_the_digest_that_sha256sum_gives(shared_house: "House") -> None:
    answer = shared_house.client("auditor").get("/policies").text

    for policy, digest in shared_house.context.policies.digests.items():
        assert f"{policy}.yaml" in answer
        assert digest in answer


@pytest.mark.parametrize("who", ["engineer", "board", "officer", "auditor"])
def test_the_navigation_leads_only_where_one_may_go(shared_house: "House", who: str) -> None:
    client = shared_house.client(who)
    links = re.findall(r'<a href="(/[a-z]*)"', client.get("/").text.partition("</nav>")[0])

    assert len(links) >= 6
    assert {address: client.get(address).status_code for address in links} == dict.fromkeys(links, 200)


def test_no_page_holds_script_or_inline_style(shared_house: "House") -> None:
    client = shared_house.client("officer")
    things = shared_house.things
    for address in (
        "/",
        "/models",
        f"/models/{things['plain']}",
        "/requests",
        f"/requests/{things['done']}",
        "/ledger/3",
    ):
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:", client.get(address).text)


def test_a_page_that_is_refused_keeps_the_navigation(shared_house: "House") -> None:
    answer = shared_house.client("board").get("/requests")

    assert answer.status_code == 403
    assert "requests:read is given to officer, auditor; yours: board" in answer.text
    assert 'href="/models"' in answer.text


def test_a_process_without_the_identity_plane_offers_the_command_instead(house: "House") -> None:
    address = f"/requests/{house.things['access']}"
    client = signed_in(house, "officer")
    send(client, f"{address}/decision", choice="approve")

    apart = replace(house, app=create_app(replace(house.context, desk=None)))

    assert "The identity plane cannot be reached from this process" in text_of(apart.client("officer"), address)


@pytest.mark.parametrize(
    ("value", "written"),
    [(1e-6, "10⁻⁶"), (2.5e-7, "2.5·10⁻⁷"), (8.05774, "8.058"), ("inf", "∞"), (12345.6, "1.235·10⁴"), (5, "5")],
)
def test_figures_are_written_for_people(value: float | str, written: str) -> None:
    assert figure(value) == written


def test_an_entry_that_keeps_only_its_day_is_shown_without_a_time(house: "House") -> None:
    with transaction(house.context.engine) as session:
        (first, *_) = follow(session, Filter(kinds=("rights.request_received",)))
        (other, *_) = follow(session, Filter(kinds=("gate.decided",)))

    assert stamp(first.at) == "2026-11-23"
    assert re.fullmatch(r"2026-11-23 \d\d:\d\d", stamp(other.at))


def test_the_key_of_an_access_package_is_shown_once_to_hand_it_over(house: "House") -> None:
    client, address = signed_in(house, "officer"), f"/requests/{house.things['access']}"
    send(client, f"{address}/decision", choice="approve")
    form = {TOKEN_FIELD: token_for(client.cookies[SESSION_COOKIE])}

    first, second = (client.post(f"{address}/fulfilment", data=form) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 303)
    assert "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=" in first.text
    assert first.headers["cache-control"] == "no-store"
