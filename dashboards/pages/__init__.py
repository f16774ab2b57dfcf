"""The pages: each builds its layout from a view and registers its callbacks."""
