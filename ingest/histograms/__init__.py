"""Native histograms and start timestamps as remote write sends them."""
