"""The series that senders repeat: known by their bytes, named by their ids."""
