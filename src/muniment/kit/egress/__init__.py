"""The one way out: every address that somebody else gives us is fetched through this client."""
