"""Reading the audit: who may, and what of it they are shown."""
