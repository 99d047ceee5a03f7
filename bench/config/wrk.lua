-- One line that a program can read; wrk's own summary stops at p99.
done = function(summary, latency)
  local e = summary.errors
  print("result", summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    e.connect + e.read + e.write + e.timeout + e.status)
end
