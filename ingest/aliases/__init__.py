"""Text that senders repeat, and the series that it stood for last time."""
