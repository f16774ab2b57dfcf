"""Models of a series over time: what is usual, what comes next. Pure, for queries and rules alike."""
