"""The daily page's own domain: papers, votes, search, trending, subscriptions, digest, importers."""
