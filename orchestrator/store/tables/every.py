"""All tables, for whoever compares them with a database."""

from orchestrator.store.tables import log, recovery, registry, requests, stops, tasks

__all__ = ["log", "recovery", "registry", "requests", "stops", "tasks"]
