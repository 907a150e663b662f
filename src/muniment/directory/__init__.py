"""Finding colleagues and groups to share with, as far as the settings allow."""
