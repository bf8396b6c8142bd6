"""Alerts and pages fit each other and the code: each alert says where to look, and asks for figures that there are."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import CollectorRegistry

from orchestrator.entrypoints.api.metrics import Metrics
from orchestrator.entrypoints.vitals import Vitals
from tests.runbooks.faults import FAULTS
from tests.runbooks.pages import ALERTS, FOLDER, Page, pages, rules, selectors
from tests.unit.cli.tree import leaves

PAGES: Final = pages()
RULES: Final = rules()
TESTS: Final = Path(__file__).with_name("alerts_test.yml")
CHANGES: Final = {"retry", "release", "cancel", "withdraw", "replay", "drop", "let-pass", "stop", "pause", "resume"}
PROMTOOL: Final = shutil.which("promtool")


class _Reader:
    lag_seconds = 0.0
    last_progress = 0.0


def exported() -> dict[str, set[str]]:
    """Every metric that the code makes, with its labels."""
    registry = CollectorRegistry(auto_describe=True)
    Metrics(registry=registry)
    vitals = Vitals(clock=lambda: 0.0, registry=registry)
    vitals.work("clock")
    vitals.reader("answers", _Reader(), brake_pulled=lambda: False)
    made = list(registry._collector_to_names.items())
    return {name: set(getattr(collector, "_labelnames", ())) for collector, names in made for name in names}


METRICS: Final = exported()


def named(rule: dict[str, Any]) -> str:
    return "-".join([rule["alert"], *(str(each) for each in rule["labels"].values())])


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_an_alert_says_how_bad_it_is_what_it_is_and_where_to_begin(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook_url"].endswith(f"/runbooks/{rule['alert']}.md")
    assert (FOLDER / f"{rule['alert']}.md").exists()
    words = rule["annotations"]["first_command"].split()
    assert words[0] == "dsar"
    assert any(tuple(words[1 : 1 + len(leaf)]) == leaf for leaf, _ in leaves())


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_an_alert_asks_only_for_metrics_and_labels_that_the_code_exports(rule: dict[str, Any]) -> None:
    asked = list(selectors(rule["expr"]))
    assert asked
    for each in asked:
        assert each.metric in METRICS
        assert {name for name, _, _ in each.matchers} <= METRICS[each.metric]


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_an_alert_groups_by_labels_that_are_there(rule: dict[str, Any]) -> None:
    grouped = {each.strip() for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]) for each in labels.split(",")}
    there = {label for each in selectors(rule["expr"]) for label in METRICS[each.metric]} | {"instance"}
    assert grouped <= there
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= there


def test_no_label_of_ours_is_an_id() -> None:
    assert not {label for labels in METRICS.values() for label in labels} & {"request", "task", "id", "staff", "email"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_named_like_its_alert_and_begins_with_its_first_command(page: Page) -> None:
    alerts = [each for each in RULES if each["alert"] == page.name]
    assert page.text.startswith(f"# {page.name}\n")
    header = page.text.split("\n\n")[1]
    assert all(f"First command: `{each['annotations']['first_command']}`." in header.replace("\n", " ")
               or len({each["annotations"]["first_command"] for each in alerts}) > 1 for each in alerts)  # fmt: skip
    assert all(each["labels"]["severity"] in header for each in alerts)
    assert "Owner: " in header


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_when_to_stop_and_what_must_not_be_pasted(page: Page) -> None:
    assert "\nStop and wake " in page.text
    assert "\nPrivacy: " in page.text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_is_run_by_a_test_with_a_fault_that_can_be_made(page: Page) -> None:
    assert page.fences == len(page.steps) > 0
    assert page.fault in FAULTS
    assert page.steps[0].commands.startswith("dsar ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_changes_can_be_tried_first_and_is_given_a_reason(page: Page) -> None:
    for step in page.steps:
        changes = [line for line in step.commands.splitlines() if CHANGES & set(line.split())]
        assert all("--reason" in line for line in changes)
        if changes:
            assert "dsar" in changes[0]
    assert "--dry-run" in page.text or not any(CHANGES & set(step.commands.split()) for step in page.steps)


def test_every_command_that_changes_something_at_night_can_be_tried_and_takes_a_reason() -> None:
    changing = {words: leaf for words, leaf in leaves() if words[-1] in CHANGES}
    assert {words[-1] for words in changing} == CHANGES
    for leaf in changing.values():
        options = {option for parameter in leaf.params for option in parameter.opts}
        assert {"--reason", "--dry-run"} <= options


def test_every_fault_is_made_for_a_page() -> None:
    assert set(FAULTS) == {page.fault for page in PAGES}


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on this machine: apt install prometheus brings it")
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    assert PROMTOOL is not None
    checked = subprocess.run(
        [PROMTOOL, "check", "rules", "--lint-fatal", str(ALERTS)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on this machine: apt install prometheus brings it")
def test_alerts_fire_when_they_should_and_not_before() -> None:
    assert PROMTOOL is not None
    tested = subprocess.run([PROMTOOL, "test", "rules", str(TESTS)], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_is_tried_with_figures_that_make_it_fire() -> None:
    tried = yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]
    fired = {
        (each["alertname"], alert["exp_labels"]["severity"])
        for one in tried
        for each in one["alert_rule_test"]
        for alert in each["exp_alerts"]
    }
    assert fired == {(each["alert"], each["labels"]["severity"]) for each in RULES}
