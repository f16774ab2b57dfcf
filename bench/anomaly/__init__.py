"""How well anomalies are found, on labelled series from elsewhere: python -m bench.anomaly DIR."""
