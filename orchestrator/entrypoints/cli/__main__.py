"""`python -m orchestrator.entrypoints.cli`: the same as `dsar`."""

from orchestrator.entrypoints.cli.main import main

main()
