"""The Dash web application."""
