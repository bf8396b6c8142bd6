"""`dsar doctor`: looks at this machine, and says of each thing that is wrong how to repair it."""

import asyncio
from typing import Final

import typer

from orchestrator.entrypoints.cli import checks
from orchestrator.entrypoints.cli.checks import Finding, Verdict
from orchestrator.entrypoints.cli.codes import Code, Failed, failing
from orchestrator.entrypoints.cli.output import AsJson, as_document, line, table
from orchestrator.settings import BadSettings, Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)
SIGNS: Final = {Verdict.OK: "ok", Verdict.ABSENT: "–", Verdict.WRONG: "WRONG"}


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Check Python, disk, keys, ports, database, schema, broker and API; exit 1 if something is to be repaired."""
    with failing(as_json=as_json):
        try:
            settings = Settings.read()
        except BadSettings as bad:
            raise Failed(Code.USAGE, str(bad)) from None
        findings = asyncio.run(checks.everything(settings))
    if as_json:
        as_document({"findings": [each.told() for each in findings]})
    else:
        _show(findings)
    if any(each.verdict is Verdict.WRONG for each in findings):
        raise typer.Exit(Code.REFUSED)


def _show(findings: list[Finding]) -> None:
    rows = [(SIGNS[each.verdict], each.what, each.told_shortly) for each in findings]
    table(["", "what", "found"], rows, empty="nothing was looked at")
    for each in findings:
        if each.fix is not None:
            line(f"{each.what}: {each.fix}")
