"""The read path: PromQL text -> syntax tree -> plan -> columns -> answer, and the HTTP API."""
