"""Native histograms in the engine: what is computed of them, by columns."""
