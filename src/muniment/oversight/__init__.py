"""Reading the audit: who may, and what they are shown; and noting what requests were refused."""
