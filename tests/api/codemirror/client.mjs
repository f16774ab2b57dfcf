// What Prometheus's own editor asks of an API, as it asks it. Prints one JSON object.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { HTTPPrometheusClient } = require("@prometheus-io/codemirror-promql/dist/cjs/client/prometheus.js");

const url = process.argv[2];
const found = {};
for (const method of ["GET", "POST"]) {
  const client = new HTTPPrometheusClient({
    url,
    httpMethod: method,
    lookbackInterval: 100 * 365 * 24 * 3600 * 1000,
    httpErrorHandler: (error) => {
      throw error;
    },
  });
  found[method] = {
    names: await client.metricNames("c_"),
    labels: await client.labelNames("c_total"),
    values: await client.labelValues("job", "c_total"),
    series: (await client.series("c_total")).length,
    metadata: await client.metricMetadata(),
    flags: await client.flags(),
  };
}
console.log(JSON.stringify(found));
