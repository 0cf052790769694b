"""The page of metrics: what `/metrics` tells a monitoring system, from server/monitoring/measures.py."""
from __future__ import annotations

from server.monitoring.measures import MEASURES, PREFIX

PATH = "reference/metrics.md"
_PREFACE = """# Metrics

What `/metrics` on the operator interface tells a monitoring system, in the text format of Prometheus.
Recording rules are in `deploy/prometheus-rules.yml`, panels for Grafana in `deploy/grafana-dashboard.json`.

| name | type | what it is |
| --- | --- | --- |
"""


def page() -> str:
    """The page, in the order of the answer."""
    return _PREFACE + "".join(
        f"| `{PREFIX}{measure.name}` | {measure.kind} | {measure.help} |\n" for measure in MEASURES)
