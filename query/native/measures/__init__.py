"""What is read off a native histogram, and what is cut from it."""
