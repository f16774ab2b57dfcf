"""What lies within the TimeSeries messages of a request, beside labels and samples."""
