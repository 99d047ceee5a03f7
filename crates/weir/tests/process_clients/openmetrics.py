"""A client that wants OpenMetrics, compressed: `type name sum-of-values` for each family.

Argument: `ip:port` of the exporter.
"""

import gzip
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

fields = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
request = urllib.request.Request(f"http://{sys.argv[1]}/metrics", headers=fields)
with urllib.request.urlopen(request, timeout=30) as response:
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert response.headers["Content-Encoding"] == "gzip"
    text = gzip.decompress(response.read()).decode()
for family in text_string_to_metric_families(text):
    plain = (family.name, family.name + "_total")
    value = sum(sample.value for sample in family.samples if sample.name in plain)
    print(family.type, family.name, round(value))
