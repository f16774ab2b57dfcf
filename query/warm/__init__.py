"""Samples of recently asked series, kept in memory and kept current by what is written."""
