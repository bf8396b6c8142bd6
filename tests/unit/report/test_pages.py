import posixpath
from html.parser import HTMLParser

import pytest
from pydantic import JsonValue

from contracts.identifiers import IdentifierKind, identifier
from contracts.results import Found, NotFound, Unaddressable, Unsupported, Waived
from orchestrator.report.given import ReportInput, Statement
from tests.unit.report.builders import Uploads, a_custodian, a_line, a_report, built, built_of, records

VOID = {"meta"}
TAGS = {
    "a", "body", "caption", "dd", "div", "dl", "dt", "footer", "h1", "h2", "h3", "head", "html", "li", "meta", "nav",
    "p", "section", "span", "strong", "style", "table", "tbody", "td", "th", "thead", "title", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "aria-label", "aria-labelledby", "charset", "class", "content", "href", "http-equiv", "id", "lang", "name", "rel",
    "role", "scope", "tabindex",
}  # fmt: skip


class Page(HTMLParser):
    """Reads a page as strictly as it was meant to be written."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ATTRIBUTES
        self.seen.append((tag, dict(attrs)))
        self.text += " " if tag in ("td", "th", "dd", "li") else ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def each(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for seen, attributes in self.seen if seen == tag]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def pages_of(files: dict[str, str]) -> dict[str, Page]:
    return {name: Page(text) for name, text in files.items() if name.endswith(".html")}


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload='alert(1)'>",
    "</td></table></body><h1>",
    "<!--records-->",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt;&#x3c;",
    "]]><![CDATA[",
    "\u202eevil\u2066",
    "\x00\x08\x1b[31m",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("count", [1, 2])
async def test_what_was_collected_is_text_and_nothing_else(text: str, count: int) -> None:
    row: dict[str, JsonValue] = {text: text, "nested": {text: [text]}}
    files = await built_of(*[row] * count)
    page = pages_of(files)["shop/orders.html"]
    assert page.text.count(text) >= count


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_manifests_and_settings_say_is_text_and_nothing_else(text: str) -> None:
    line = a_line("orders", Unsupported(), label=text, gap=True, purpose=text)
    report = a_report(
        a_custodian("shop", line, owner=text),
        controller=text,
        contact=text,
        authority=text,
        statements=(Statement(title=text, text=text),),
    )
    for page in pages_of(await built(report, Uploads())).values():
        assert text in page.text


@pytest.mark.parametrize("count", [1, 2])
async def test_a_record_keys_markup_is_text_too(count: int) -> None:
    uploads = Uploads()
    uploads.add("shop", [("orders", [b'{"class":"orders","key":"<script>","fields":{}}\n'] * count)])
    report = a_report(a_custodian("shop", a_line("orders", Found(count=count))), parts=uploads.parts)
    assert pages_of(await built(report, uploads))["shop/orders.html"].text.count("<script>") == count


async def test_half_a_character_is_shown_and_breaks_nothing() -> None:
    uploads = Uploads()
    uploads.add("shop", [("orders", [b'{"class":"orders","key":"1","fields":{"a":"\\ud800"}}\n'])])
    report = a_report(a_custodian("shop", a_line("orders", Found(count=1))), parts=uploads.parts)
    files = await built(report, uploads)
    assert all(r"\ud800" in files[f"shop/orders.{kind}"] for kind in ("html", "csv", "json"))


def a_whole_report() -> tuple[ReportInput, Uploads]:
    uploads = Uploads()
    orders = records("orders", ({"total": n, "note": None} for n in range(2500)))
    uploads.add("shop", [("profile", records("profile", [{"full_name": "Zoë"}])), ("orders", orders)])
    report = a_report(
        a_custodian("shop", a_line("profile", Found(count=1)), a_line("orders", Found(count=2500))),
        a_custodian("app", a_line("events", Unaddressable(kinds=(IdentifierKind.DEVICE_ID,)))),
        a_custodian("crm", a_line("contacts", NotFound())),
        parts=uploads.parts,
    )
    return report, uploads


async def test_every_page_stands_alone_and_can_be_read_by_a_screen_reader() -> None:
    report, uploads = a_whole_report()
    pages = pages_of(await built(report, uploads, [identifier("customer_id", "C-1")]))
    assert len(pages) == 8
    for page in pages.values():
        assert page.each("html") == [{"lang": "en"}]
        assert len(page.each("h1")) == len(page.each("title")) == len(page.each("style")) == 1
        assert len(page.each("caption")) == len(page.each("table"))
        assert all(attributes.get("scope") in ("col", "row") for attributes in page.each("th"))


async def test_every_link_leads_to_a_file_of_the_report_and_every_file_is_linked() -> None:
    report, uploads = a_whole_report()
    files = await built(report, uploads)
    linked = {
        posixpath.normpath(posixpath.join(posixpath.dirname(name), attributes["href"] or ""))
        for name, page in pages_of(files).items()
        for attributes in page.each("a")
    }
    assert linked == set(files)


async def test_records_are_paged_and_each_stands_on_one_page() -> None:
    report, uploads = a_whole_report()
    pages = pages_of(await built(report, uploads))
    rows = [len(pages[f"shop/{name}.html"].each("tr")) - 1 for name in ("orders", "orders-2", "orders-3")]
    assert rows == [1000, 1000, 500]
    assert "Page 2 of 3" in pages["shop/orders-2.html"].words
    assert "orders/2500" in pages["shop/orders-3.html"].words


async def test_the_first_page_says_what_was_searched_and_what_was_found_where() -> None:
    report, uploads = a_whole_report()
    page = pages_of(await built(report, uploads, [identifier("customer_id", "C-1")]))["index.html"]
    for said in (
        "We searched 3 kinds of data in 2 places. We hold 2,501 records about you, of 2 kinds.",
        "1 kind could not be searched with what is known of you.",
        str(report.request_id),
        "Received 1 March 2026",
        "Answer due 1 April 2026",
        "Orders 2,500 records held 2,500",
        "Contacts Not held 0",
        "Not searchable: nobody knows the device identifier that it needs",
        "customer number C-1",
        "Serving you contact, purchases contract, GDPR Art. 6(1)(b) 10 years after the last order",
        "complain to the data protection authority",
    ):
        assert said in page.words
    assert "Not complete" not in page.words


async def test_gaps_are_named_at_the_top() -> None:
    report = a_report(
        a_custodian("crm", a_line("contacts", gap=True), a_line("calls", Waived(), gap=True)),
        a_custodian("archive", a_line("letters", Unsupported(), gap=True)),
        partial=True,
    )
    words = pages_of(await built(report, Uploads()))["index.html"].words
    assert "Crm team: Contacts. No answer." in words
    assert "Crm team: Calls. No answer; two people decided not to wait for it." in words
    assert "Archive team: Letters. Cannot be searched." in words
    assert words.index("Not complete") < words.index("We searched")
    assert "So far nothing about you was found" in words


async def test_fewer_records_than_were_said_to_be_held_are_a_gap() -> None:
    uploads = Uploads()
    uploads.add("shop", [("orders", records("orders", [{"n": 1}, {"n": 2}]))])
    report = a_report(a_custodian("shop", a_line("orders", Found(count=3))), parts=uploads.parts)
    assert "Orders. 3 records held, 2 handed over." in pages_of(await built(report, uploads))["index.html"].words


async def test_records_said_to_be_held_and_not_handed_over_are_a_gap() -> None:
    report = a_report(a_custodian("shop", a_line("orders", Found(count=3))))
    assert "Orders. 3 records held, 0 handed over." in pages_of(await built(report, Uploads()))["index.html"].words


async def test_a_person_whom_nobody_knows_is_told_so_and_where_was_searched() -> None:
    report = a_report(
        a_custodian("shop", a_line("orders", NotFound())), a_custodian("crm", a_line("calls", NotFound()))
    )
    words = pages_of(await built(report, Uploads()))["index.html"].words
    assert "We searched 2 kinds of data in 2 places. We hold no data about you there." in words
    assert "Shop team Orders Not held 0" in words
    assert "Crm team Calls Not held 0" in words
    assert "Not complete" not in words


async def test_a_report_with_nothing_to_search_can_be_built() -> None:
    words = pages_of(await built(a_report(), Uploads()))["index.html"].words
    assert "There was no place to search." in words


async def test_a_test_says_that_it_is_one() -> None:
    words = pages_of(await built(a_report(test=True), Uploads()))["index.html"].words
    assert "The person and the data are made up." in words


async def test_what_the_controller_states_stands_where_the_law_wants_it() -> None:
    report = a_report(statements=(Statement(title="Recipients", text="Parcel Ltd"),), authority="the Commissioner")
    words = pages_of(await built(report, Uploads()))["index.html"].words
    assert "Recipients Parcel Ltd" in words
    assert "complain to the Commissioner, or to the data protection authority" in words
    assert "does not say to whom" not in words


async def test_without_a_statement_the_person_learns_what_to_ask_for() -> None:
    words = pages_of(await built(a_report(contact="privacy@example.org"), Uploads()))["index.html"].words
    assert "does not say to whom the data was passed on" in words
    assert "ask privacy@example.org" in words


async def test_one_record_reads_as_a_list_of_its_fields() -> None:
    page = pages_of(await built_of({"full_name": "Zoë", "address": {"city": "Köln"}}))["shop/orders.html"]
    assert "Record orders/1 Full name Zoë Address City: Köln" in page.words


async def test_records_with_many_fields_read_as_a_list_each() -> None:
    page = pages_of(await built_of(*({f"f{n}": n for n in range(11)} for _ in range(3))))["shop/orders.html"]
    assert len(page.each("table")) == 3
