"""The routes of signing in, and of one's own sessions."""
